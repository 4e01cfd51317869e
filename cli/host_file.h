#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

namespace stillhouse::cli {

/// The host of every rank, as mpirun places `ranks` ranks on the hosts of a hostfile by default:
/// each host in turn gets as many as it has slots. A line is `NAME [slots=N] [max_slots=N]`, slots
/// being 1 by default; `#` begins a comment. Throws ConfigError naming file and line, also when
/// there are fewer slots than ranks.
std::vector<std::string> HostsOfRanks(const std::string& path, std::int32_t ranks);
/// The same from a stream; `path` stands for it in messages.
std::vector<std::string> ParseHosts(std::istream& file, const std::string& path,
                                    std::int32_t ranks);

}  // namespace stillhouse::cli
