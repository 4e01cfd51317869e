#pragma once

#include <span>
#include <string>

namespace stillhouse {

/// The value of an environment variable, which is gone afterwards: for this program and for whoever
/// reads /proc/<pid>/environ or `ps e`. Empty when it is not set. One thread alone.
std::string TakeFromEnvironment(const char* name);

/// Overwrites what stands after `run.token=` in a program's arguments, so that `ps` shows it no
/// longer; what was parsed from them before is kept. True when there was such an argument.
bool HideTokenArguments(std::span<char* const> arguments);

/// "run.token=***" for a `--set` that carries the token, for messages; every other one as it is.
std::string WithoutToken(const std::string& override_text);

}  // namespace stillhouse
