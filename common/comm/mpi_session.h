#pragma once

#include <cstdint>
#include <vector>

namespace stillhouse::comm {

/// MPI from Init to Finalize. One object a process; MPI is called by the thread that made it.
/// Outside mpirun MPI starts as a single rank.
class MpiSession {
 public:
  /// Throws CommError when the runtime cannot start.
  MpiSession(int* argc, char*** argv);
  /// Finalizes; every rank has to come here. After an exception the job is aborted instead, or
  /// the other ranks would wait for ever.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  int Rank() const { return rank_; }
  int Size() const { return size_; }

  /// Collective over all ranks: the largest value (the job's exit status).
  int MaxOverRanks(int value) const;

  /// Collective over all ranks: rank 0's bytes, everywhere.
  std::vector<std::uint8_t> FromRankZero(std::vector<std::uint8_t> bytes) const;

  /// Collective over all ranks: everybody's bytes, in rank order, everywhere.
  std::vector<std::vector<std::uint8_t>> FromEveryRank(
      const std::vector<std::uint8_t>& bytes) const;

  /// Ends every rank at once with this exit status.
  [[noreturn]] void Abort(int status) const;

  /// Whether this process was started by an MPI launcher: only then is MPI touched at all, so
  /// that a single process starts quickly.
  static bool LaunchedByMpi();

 private:
  int rank_ = 0;
  int size_ = 1;
  int exceptions_at_start_ = 0;
};

}  // namespace stillhouse::comm
