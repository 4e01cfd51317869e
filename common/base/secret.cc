#include "common/base/secret.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace stillhouse {
namespace {

constexpr std::string_view kKey = "run.token";
constexpr std::string_view kSection = "run";

/// Where the secret begins in `key.path=value`; npos: it holds none. `run={...}` may hold it, too.
std::size_t SecretAt(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view key = text.substr(0, equals);
  const bool section = key == kSection && text.find("token") != std::string_view::npos;
  // Also without '=', or with something after the key: what it was meant to be is plain.
  if (!section && !text.starts_with(kKey)) return std::string_view::npos;
  return equals == std::string_view::npos ? std::min(kKey.size(), text.size()) : equals + 1;
}

/// mpirun hands a rank its arguments a second time, in one variable.
void HideInLaunchersCopy() {
  char* const copy = std::getenv("OMPI_ARGV");
  if (copy == nullptr) return;
  for (const char* key : {"run.token", "run={"}) {
    if (char* const at = std::strstr(copy, key)) std::memset(at, '*', std::strlen(at));
  }
}

}  // namespace

std::string TakeFromEnvironment(const char* name) {
  char* const value = std::getenv(name);
  if (value == nullptr) return {};
  std::string taken = value;
  explicit_bzero(value, taken.size());
  unsetenv(name);
  return taken;
}

bool HideTokenArguments(std::span<char* const> arguments) {
  constexpr std::string_view kOption = "--set=";
  bool found = false;
  for (char* argument : arguments) {
    if (std::string_view(argument).starts_with(kOption)) argument += kOption.size();
    const std::size_t at = SecretAt(argument);
    if (at == std::string_view::npos) continue;
    std::memset(argument + at, '*', std::strlen(argument + at));
    found = true;
  }
  if (found) HideInLaunchersCopy();
  return found;
}

std::string WithoutToken(const std::string& override_text) {
  const std::size_t at = SecretAt(override_text);
  return at == std::string_view::npos ? override_text : override_text.substr(0, at) + "***";
}

}  // namespace stillhouse
