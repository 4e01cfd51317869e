#include "common/comm/communicator.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <set>

#include <mpi.h>

#include "common/base/error.h"
#include "common/comm/request.h"

namespace stillhouse::comm {
namespace {
constexpr int kTag = 7;
/// More than this in one poll would keep the event loop away from its sockets.
constexpr int kMaxReceivesPerPoll = 64;
}  // namespace

struct Communicator::State {
  MPI_Comm comm = MPI_COMM_NULL;
  std::deque<Request> sends;
  std::deque<Request> receives;  // in the order in which MPI matched them
};

namespace {

/// What has ended, in order; nothing of a rank before what it was sent, or sends, earlier.
std::vector<Communicator::Received> TakeEnded(std::deque<Request>& requests) {
  std::vector<Communicator::Received> ended;
  std::set<int> behind;
  std::erase_if(requests, [&](Request& request) {
    if (behind.contains(request.Peer())) return false;
    if (!request.Test()) {
      behind.insert(request.Peer());
      return false;
    }
    ended.push_back({request.Peer(), request.Take()});
    return true;
  });
  return ended;
}

}  // namespace

Communicator::Communicator() : state_(std::make_unique<State>()) {
  // Its own communicator: messages of other users of MPI in this process cannot be mistaken.
  MPI_Comm_dup(MPI_COMM_WORLD, &state_->comm);
}

Communicator::~Communicator() {
  for (auto& request : state_->receives) request.Cancel();
  for (auto& request : state_->sends) request.Cancel();
}

void Communicator::Send(int rank, std::vector<std::uint8_t> bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw CommError(fmt::format("message of {} bytes to rank {}: above 2 GiB", bytes.size(), rank));
  }
  state_->sends.push_back(Request::Send(state_->comm, rank, kTag, std::move(bytes)));
}

std::vector<Communicator::Received> Communicator::Poll() {
  State& s = *state_;
  for (int i = 0; i < kMaxReceivesPerPoll; ++i) {
    int arrived = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    MPI_Improbe(MPI_ANY_SOURCE, kTag, s.comm, &arrived, &message, &status);
    if (arrived == 0) break;
    int count = 0;
    MPI_Get_count(&status, MPI_BYTE, &count);
    s.receives.push_back(
        Request::Receive(&message, status.MPI_SOURCE, static_cast<std::size_t>(count)));
  }
  // A small message must not overtake a large one of the same rank.
  std::vector<Received> received = TakeEnded(s.receives);
  // Those to one rank end in order, or nearly; each look at one under way costs a turn of MPI's.
  TakeEnded(s.sends);
  return received;
}

void Communicator::Forget(int rank) {
  const auto give_up = [rank](Request& request) {
    if (request.Peer() != rank) return false;
    request.Cancel();
    return true;
  };
  std::erase_if(state_->sends, give_up);
  std::erase_if(state_->receives, give_up);
}

std::size_t Communicator::PendingSends() const { return state_->sends.size(); }

std::size_t Communicator::PendingSendsTo(int rank) const {
  return static_cast<std::size_t>(
      std::count_if(state_->sends.begin(), state_->sends.end(),
                    [rank](const Request& request) { return request.Peer() == rank; }));
}

}  // namespace stillhouse::comm
