#include "common/comm/request.h"

#include "common/base/error.h"

namespace stillhouse::comm {

Request::State::~State() { SH_CHECK(!pending, "an MPI operation was dropped while under way"); }

Request Request::Send(MPI_Comm comm, int rank, int tag, std::vector<std::uint8_t> bytes) {
  Request request;
  State& s = *request.state_;
  s.buffer = std::move(bytes);
  s.rank = rank;
  s.pending = true;
  MPI_Isend(s.buffer.data(), static_cast<int>(s.buffer.size()), MPI_BYTE, rank, tag, comm,
            &s.request);
  return request;
}

Request Request::Receive(MPI_Message* message, int rank, std::size_t size) {
  Request request;
  State& s = *request.state_;
  s.buffer.resize(size);
  s.rank = rank;
  s.pending = true;
  MPI_Imrecv(s.buffer.data(), static_cast<int>(size), MPI_BYTE, message, &s.request);
  return request;
}

bool Request::Test() {
  State& s = *state_;
  if (!s.pending) return true;
  int done = 0;
  MPI_Test(&s.request, &done, MPI_STATUS_IGNORE);
  s.pending = done == 0;
  return !s.pending;
}

std::vector<std::uint8_t> Request::Take() {
  SH_CHECK(!state_->pending, "the buffer of an MPI operation that is under way");
  return std::move(state_->buffer);
}

void Request::Cancel() {
  State& s = *state_;
  if (!s.pending || Test()) return;
  MPI_Cancel(&s.request);
  MPI_Request_free(&s.request);
  s.pending = false;
  // MPI may still read the buffer of a send that could not be cancelled: it outlives us on
  // purpose. This happens once, at the end of a job with a dead or stopped rank.
  new std::vector<std::uint8_t>(std::move(s.buffer));
}

}  // namespace stillhouse::comm
