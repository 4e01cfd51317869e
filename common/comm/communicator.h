#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace stillhouse::comm {

/// Non-blocking byte messages between ranks. A send owns its buffer until MPI is done with it;
/// a message is received whole, into a buffer of its own size. Messages of one pair of ranks
/// keep their order; a rank that stops in the middle of a message holds up no other. Called by the
/// thread that made the MpiSession alone.
class Communicator {
 public:
  /// Collective: every rank makes its communicators in the same order.
  Communicator();
  /// Pending sends are cancelled: what a rank has not taken by now it will never take.
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  /// Starts a send; never waits for the receiver.
  void Send(int rank, std::vector<std::uint8_t> bytes);

  struct Received {
    int rank = 0;
    std::vector<std::uint8_t> bytes;
  };
  /// What has arrived since the last call; also retires finished sends. Never waits.
  std::vector<Received> Poll();

  /// This rank is gone for good: what is under way to and from it is given up.
  void Forget(int rank);

  std::size_t PendingSends() const;
  std::size_t PendingSendsTo(int rank) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stillhouse::comm
