#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stillhouse::cli {

/// Runs a program to its end; argv[0] is looked up in PATH. Its standard output goes to a file, its
/// standard error to "<file>.err". Returns the exit status (128 + signal when one ended it);
/// nullopt: it could not be started, or took longer than `limit` and was killed with what it had
/// started.
std::optional<int> RunProgram(const std::vector<std::string>& argv,
                              const std::filesystem::path& output, std::chrono::seconds limit);

}  // namespace stillhouse::cli
