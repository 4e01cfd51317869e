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
  /// Finalizes; every rank has to come here, within some seconds. After an exception the job is
  /// aborted instead, or the other ranks would wait for ever.
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

  /// Ends this rank at once, without MPI: where a rank has died MPI_Finalize waits for it. Output
  /// is flushed, nothing is destroyed.
  [[noreturn]] static void LeaveAtOnce(int status);

  /// From now on the others see to it themselves when this rank dies: an exception ends it alone.
  void Watched() { watched_ = true; }

  /// The runtime lets the others live when a rank dies (Open MPI's --enable-recovery). Its mpirun
  /// then passes no exit status through, and MPI_Abort ends nobody else.
  static bool SurvivorsLive();

  /// Whether this process was started by an MPI launcher: only then is MPI touched at all, so
  /// that a single process starts quickly.
  static bool LaunchedByMpi();

 private:
  int rank_ = 0;
  int size_ = 1;
  int exceptions_at_start_ = 0;
  bool watched_ = false;
};

}  // namespace stillhouse::comm
