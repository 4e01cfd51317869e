#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stillhouse::house {

/// One #include of a file, as written.
struct Include {
  int line = 0;  ///< 1-based
  std::string path;
  bool quoted = false;  ///< "ours" rather than <theirs>
};

std::vector<Include> IncludesOf(std::string_view text);

/// The part of the tree that a path (from the root) belongs to: "common/net", "replay",
/// "learner/protocol". Empty for a folder that the house does not know.
std::string PartOf(std::string_view path);

/// What is wrong with a file's includes: one line each, `path:line: why`. `path` is from the root.
std::vector<std::string> IncludeProblems(std::string_view path, std::string_view text);

/// What is wrong with a file otherwise: too long, a header without #pragma once or with
/// `using namespace`.
std::vector<std::string> ShapeProblems(std::string_view path, std::string_view text);

/// Lines that name a place of one particular machine, such as somebody's home directory.
std::vector<std::string> MachinePathProblems(std::string_view path, std::string_view text);

}  // namespace stillhouse::house
