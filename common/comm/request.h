#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <mpi.h>

namespace stillhouse::comm {

/// One MPI operation under way, with the buffer it works on. Take() gives the buffer back when
/// Test() said that it is done; dropping a pending request is a bug unless it was cancelled.
class Request {
 public:
  static Request Send(MPI_Comm comm, int rank, int tag, std::vector<std::uint8_t> bytes);
  /// Receives a matched message of `size` bytes.
  static Request Receive(MPI_Message* message, int rank, std::size_t size);

  Request(Request&&) = default;
  Request& operator=(Request&&) = default;

  /// Whether the operation is complete. Never waits.
  bool Test();
  /// The buffer, once; only after Test() returned true.
  std::vector<std::uint8_t> Take();
  /// Gives a pending operation up. Its buffer is left to MPI, which may still read it.
  void Cancel();
  int Peer() const { return state_->rank; }

 private:
  struct State {
    ~State();
    std::vector<std::uint8_t> buffer;
    MPI_Request request = MPI_REQUEST_NULL;
    int rank = 0;
    bool pending = false;
  };
  Request() : state_(std::make_unique<State>()) {}
  std::unique_ptr<State> state_;  // MPI holds the buffer's address: the state must not move
};

}  // namespace stillhouse::comm
