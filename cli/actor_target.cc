// What `stillhouse actor --connect` points at: addresses and token.
#include <algorithm>
#include <sstream>

#include "actors/process_launcher.h"
#include "cli/actor_command.h"
#include "common/base/error.h"
#include "common/net/tcp_transport.h"
#include "common/run/atomic_file.h"
#include "common/run/run_directory.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTokenBytes = 1024;

std::string ReadToken(const std::string& file) {
  std::string token;
  try {
    token = ReadFile(file);
  } catch (const StorageError& error) {
    throw ConfigError(fmt::format("--token-file {}", error.what()));
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty()) throw ConfigError(fmt::format("--token-file {}: empty", file));
  if (token.size() > kMaxTokenBytes) {
    throw ConfigError(fmt::format("--token-file {}: {} bytes, a token has at most {}", file,
                                  token.size(), kMaxTokenBytes));
  }
  return token;
}

std::vector<std::string> SplitAddresses(const std::string& text) {
  std::vector<std::string> addresses;
  std::istringstream in(text);
  for (std::string address; std::getline(in, address, ',');) {
    HostPort parsed;
    try {
      parsed = HostPort::Parse(address);
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("--connect: {}, or a run directory", error.what()));
    }
    if (parsed.port == 0) {
      throw ConfigError(
          fmt::format("--connect: address '{}': port 0; expected 1 to 65535", address));
    }
    const std::string plain = parsed.ToString();
    if (std::find(addresses.begin(), addresses.end(), plain) != addresses.end()) {
      throw ConfigError(fmt::format("--connect: address '{}': given twice", address));
    }
    addresses.push_back(plain);
  }
  if (addresses.empty()) {
    throw ConfigError(
        "--connect: found nothing, expected a run directory or HOST:PORT[,HOST:PORT]");
  }
  return addresses;
}

}  // namespace

ActorTarget ResolveActorTarget(const ActorCommandOptions& options, const char* token_variable) {
  ActorTarget target;
  std::error_code ignored;
  const bool is_directory = fs::is_directory(options.connect, ignored);
  if (is_directory) {
    target.run_dir = options.connect;
    RunEndpoints endpoints = ReadRunEndpoints(target.run_dir);
    target.addresses = std::move(endpoints.shards);
    target.token = std::move(endpoints.token);
  } else if (options.connect.find('/') != std::string::npos) {
    throw StorageError(fmt::format("--connect {}: no such directory", options.connect));
  } else {
    target.addresses = SplitAddresses(options.connect);
  }
  if (!options.token_file.empty()) {
    target.token = ReadToken(options.token_file);
  } else if (!is_directory && token_variable != nullptr) {
    target.token = token_variable;
  }
  if (target.token.empty()) {
    throw ConfigError(
        fmt::format("no token: with HOST:PORT it comes from the environment variable {} or from "
                    "--token-file FILE (a run keeps it in its directory, file 'token')",
                    actors::kTokenVariable));
  }
  return target;
}

}  // namespace stillhouse::cli
