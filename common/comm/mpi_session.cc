#include "common/comm/mpi_session.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>

#include <mpi.h>
#include <unistd.h>

#include "common/base/error.h"

namespace stillhouse::comm {

namespace {

constexpr unsigned kFinalizeSeconds = 20;

/// With recovery MPI_Abort ends this rank alone; what ends them all is a SIGTERM to mpirun. Where
/// our parent is another host's daemon nothing can be done from here.
void AbortAll(int status) {
  if (MpiSession::SurvivorsLive()) {
    std::ifstream comm("/proc/" + std::to_string(getppid()) + "/comm");
    std::string parent;
    std::getline(comm, parent);
    if (parent == "mpirun" || parent == "mpiexec" || parent == "orterun") {
      kill(getppid(), SIGTERM);
      // It ends us as well; MPI_Abort would only add its words.
      std::this_thread::sleep_for(std::chrono::seconds(10));
    }
  }
  MPI_Abort(MPI_COMM_WORLD, status);
}

}  // namespace

MpiSession::MpiSession(int* argc, char*** argv) : exceptions_at_start_(std::uncaught_exceptions()) {
  int provided = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
      provided < MPI_THREAD_FUNNELED) {
    throw CommError("MPI does not start with MPI_THREAD_FUNNELED");
  }
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

MpiSession::~MpiSession() {
  if (std::uncaught_exceptions() > exceptions_at_start_) {
    // The exception is for main to tell, and it will not get there.
    if (watched_ && SurvivorsLive()) return;
    AbortAll(1);
  }
  // A rank that dies on its way here would be waited for.
  std::signal(SIGALRM, [](int) { _exit(1); });
  alarm(kFinalizeSeconds);
  MPI_Finalize();
  alarm(0);
}

void MpiSession::LeaveAtOnce(int status) {
  std::fflush(nullptr);
  _exit(status);
}

bool MpiSession::SurvivorsLive() {
  const char* value = std::getenv("OMPI_MCA_orte_enable_recovery");
  return value != nullptr && (std::string_view(value) == "1" || std::string_view(value) == "true");
}

int MpiSession::MaxOverRanks(int value) const {
  int result = value;
  MPI_Allreduce(&value, &result, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return result;
}

std::vector<std::uint8_t> MpiSession::FromRankZero(std::vector<std::uint8_t> bytes) const {
  std::uint64_t size = bytes.size();
  MPI_Bcast(&size, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  bytes.resize(size);
  MPI_Bcast(bytes.data(), static_cast<int>(size), MPI_BYTE, 0, MPI_COMM_WORLD);
  return bytes;
}

std::vector<std::vector<std::uint8_t>> MpiSession::FromEveryRank(
    const std::vector<std::uint8_t>& bytes) const {
  const auto ranks = static_cast<std::size_t>(size_);
  const int mine = static_cast<int>(bytes.size());
  std::vector<int> sizes(ranks);
  MPI_Allgather(&mine, 1, MPI_INT, sizes.data(), 1, MPI_INT, MPI_COMM_WORLD);
  std::vector<int> offsets(ranks);
  std::exclusive_scan(sizes.begin(), sizes.end(), offsets.begin(), 0);
  std::vector<std::uint8_t> all(static_cast<std::size_t>(offsets.back() + sizes.back()));
  MPI_Allgatherv(bytes.data(), mine, MPI_BYTE, all.data(), sizes.data(), offsets.data(), MPI_BYTE,
                 MPI_COMM_WORLD);
  std::vector<std::vector<std::uint8_t>> parts;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const auto begin = all.begin() + offsets[rank];
    parts.emplace_back(begin, begin + sizes[rank]);
  }
  return parts;
}

void MpiSession::Abort(int status) const {
  std::fflush(nullptr);
  AbortAll(status);
  std::_Exit(status);
}

bool MpiSession::LaunchedByMpi() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

}  // namespace stillhouse::comm
