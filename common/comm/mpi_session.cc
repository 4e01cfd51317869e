#include "common/comm/mpi_session.h"

#include <cstdlib>
#include <exception>
#include <numeric>

#include <mpi.h>

#include "common/base/error.h"

namespace stillhouse::comm {

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
  if (std::uncaught_exceptions() > exceptions_at_start_) MPI_Abort(MPI_COMM_WORLD, 1);
  MPI_Finalize();
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
  MPI_Abort(MPI_COMM_WORLD, status);
  std::_Exit(status);
}

bool MpiSession::LaunchedByMpi() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

}  // namespace stillhouse::comm
