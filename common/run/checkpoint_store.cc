// <updates>/MANIFEST.json:
//   {"format": 1, "updates": u64, "frames": u64, "attempt": u32, "phase": string, "time": Unix s,
//    "reused": {model: age in s}, "files": [{"name", "bytes", "crc32c"}...], "crc32c": of the rest}
// The last value is the CRC32C of the manifest's own compact text without it.
#include "common/run/checkpoint_store.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdio.h>
#include <unistd.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/base/failpoint.h"
#include "common/run/atomic_file.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kManifest = "MANIFEST.json";
constexpr const char* kPartial = ".partial";
constexpr int kFormat = 1;

std::span<const std::uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool IsPlainFile(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos &&
         name != kManifest;
}

std::optional<std::uint64_t> UpdatesOf(const fs::path& directory) {
  const std::string name = directory.filename().string();
  std::uint64_t updates = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), updates);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return updates;
}

/// Its entries are on disk, not only its files.
void SyncDirectory(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) {
    throw StorageError(fmt::format("{}: cannot sync: {}", directory.string(),
                                   std::generic_category().message(error)));
  }
}

void RemoveAll(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) {
    throw StorageError(fmt::format("{}: cannot remove: {}", path.string(), error.message()));
  }
}

std::string Manifest(const Checkpoint& checkpoint) {
  const CheckpointFacts& facts = checkpoint.facts;
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  Json json{{"format", kFormat},        {"updates", facts.updates}, {"frames", facts.frames},
            {"attempt", facts.attempt}, {"phase", facts.phase},     {"time", now},
            {"reused", Json::object()}, {"files", Json::array()}};
  for (const auto& [model, age_s] : facts.reused) json["reused"][model] = age_s;
  for (const auto& [name, bytes] : checkpoint.files) {
    json["files"].push_back({{"name", name}, {"bytes", bytes.size()}, {"crc32c", Crc32c(bytes)}});
  }
  const std::uint32_t crc = Crc32c(Bytes(json.dump()));
  json["crc32c"] = crc;
  return json.dump(2) + "\n";
}

Json ReadManifest(const fs::path& file) {
  Json json = Json::parse(ReadFile(file), nullptr, /*allow_exceptions=*/false);
  const auto fail = [&file](const std::string& why) {
    throw WireError(fmt::format("{}: {}", file.string(), why));
  };
  if (!json.is_object() || !json.contains("crc32c") || !json["crc32c"].is_number_unsigned()) {
    fail("not a whole manifest");
  }
  const auto stored = json["crc32c"].get<std::uint64_t>();
  json.erase("crc32c");
  if (const std::uint32_t actual = Crc32c(Bytes(json.dump())); actual != stored) {
    fail(fmt::format("its checksum is {:08x}, the text's is {:08x}", stored, actual));
  }
  if (json.value("format", 0) != kFormat) {
    fail(fmt::format("format {}, this program reads {}", json["format"].dump(), kFormat));
  }
  return json;
}

/// What a rename over a directory that is there needs: both change places, then the old one goes.
void RenameIntoPlace(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(to, error)) {
    fs::rename(from, to, error);
    if (!error) return;
  } else if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    return;
  } else {
    error = {errno, std::generic_category()};
  }
  throw StorageError(
      fmt::format("{}: cannot rename to {}: {}", from.string(), to.string(), error.message()));
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path run_directory)
    : folder_(std::move(run_directory) / "checkpoints") {}

fs::path CheckpointStore::Write(const Checkpoint& checkpoint, std::size_t keep) const {
  SH_CHECK(keep > 0);
  const std::string name = std::to_string(checkpoint.facts.updates);
  const fs::path partial = folder_ / (name + kPartial);
  const fs::path final = folder_ / name;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!error) RemoveAll(partial);
  if (!error) fs::create_directory(partial, error);
  if (error) {
    throw StorageError(fmt::format("{}: cannot create: {}", partial.string(), error.message()));
  }
  try {
    for (const auto& [file, bytes] : checkpoint.files) {
      SH_FAILPOINT("checkpoint.file");
      SH_CHECK(IsPlainFile(file), "checkpoint file '{}'", file);
      ReplaceFile(partial / file, std::span<const std::uint8_t>(bytes));
    }
    SH_FAILPOINT("checkpoint.manifest");
    ReplaceFile(partial / kManifest, Manifest(checkpoint));
    SyncDirectory(partial);
    SH_FAILPOINT("checkpoint.rename");
    RenameIntoPlace(partial, final);
    SH_FAILPOINT("checkpoint.renamed");
    SyncDirectory(folder_);
  } catch (const StorageError&) {
    fs::remove_all(partial, error);  // a full disk is not to stay full because of us
    throw;
  }
  const auto all = List();
  for (std::size_t i = keep; i < all.size(); ++i) {
    SH_FAILPOINT("checkpoint.remove");
    RemoveAll(all[i]);
  }
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() == kPartial) RemoveAll(entry.path());
  }
  return final;
}

std::vector<fs::path> CheckpointStore::List() const {
  std::vector<std::pair<std::uint64_t, fs::path>> found;
  std::error_code error;
  if (!fs::exists(folder_, error)) return {};
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (const auto updates = UpdatesOf(entry.path())) found.emplace_back(*updates, entry.path());
  }
  if (error) {
    throw StorageError(fmt::format("{}: cannot read: {}", folder_.string(), error.message()));
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<fs::path> paths;
  for (auto& [updates, path] : found) paths.push_back(std::move(path));
  return paths;
}

Checkpoint CheckpointStore::Read(const fs::path& directory) {
  const fs::path manifest = directory / kManifest;
  const Json json = ReadManifest(manifest);
  Checkpoint checkpoint;
  try {
    checkpoint.facts.updates = json.at("updates").get<std::uint64_t>();
    checkpoint.facts.frames = json.at("frames").get<std::uint64_t>();
    checkpoint.facts.attempt = json.at("attempt").get<std::uint32_t>();
    checkpoint.facts.phase = json.at("phase").get<std::string>();
    for (const auto& [model, age] : json.at("reused").items()) {
      checkpoint.facts.reused[model] = age.get<double>();
    }
    for (const auto& file : json.at("files")) {
      const auto name = file.at("name").get<std::string>();
      if (!IsPlainFile(name)) throw WireError(manifest.string() + ": a file's name is a path");
      const std::string text = ReadFile(directory / name);
      if (text.size() != file.at("bytes").get<std::uint64_t>()) {
        throw WireError(fmt::format("{}: {} bytes, the manifest says {}",
                                    (directory / name).string(), text.size(),
                                    file.at("bytes").dump()));
      }
      if (Crc32c(Bytes(text)) != file.at("crc32c").get<std::uint32_t>()) {
        throw WireError(fmt::format("{}: its bytes do not fit the manifest's CRC32C: it is damaged",
                                    (directory / name).string()));
      }
      checkpoint.files[name].assign(text.begin(), text.end());
    }
  } catch (const nlohmann::json::exception& error) {
    throw WireError(fmt::format("{}: {}", manifest.string(), error.what()));
  }
  return checkpoint;
}

std::optional<Checkpoint> CheckpointStore::ReadNewest(
    const std::function<void(const std::string& reason)>& skipped) const {
  for (const auto& directory : List()) {
    try {
      return Read(directory);
    } catch (const StorageError& error) {
      skipped(error.what());
    } catch (const WireError& error) {
      skipped(error.what());
    }
  }
  return std::nullopt;
}

}  // namespace stillhouse
