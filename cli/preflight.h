#pragma once

#include <string>
#include <vector>

#include "cli/job.h"
#include "common/base/byte_io.h"

namespace stillhouse::cli {

/// What only a rank itself can know before the job starts.
struct RankFindings {
  std::string host;
  double memory_bytes = 0;  ///< of the host, for all ranks together; 0: not known
  std::vector<std::string> errors;

  void Encode(ByteWriter& out) const;
  static RankFindings Decode(ByteReader& in);
};

/// The memory of this host, or the control group's limit where that is lower; 0 when unknown.
double UsableMemoryBytes();

/// Tries to listen where this rank's shards are going to. Changes nothing.
RankFindings FindOnThisRank(const Job& job, int rank);

/// All errors, [rank] in, a line each: what the ranks have found, and hosts whose ranks would need
/// more memory than there is. None: the job can start.
std::vector<std::string> PreflightErrors(const Job& job, const std::vector<RankFindings>& ranks);

}  // namespace stillhouse::cli
