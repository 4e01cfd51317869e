#include "cli/replay_command.h"

#include <filesystem>
#include <map>
#include <optional>

#include <fmt/ostream.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/store_plan.h"
#include "common/base/action_mask.h"
#include "common/base/context.h"
#include "common/base/error.h"
#include "replay/log/posix_storage.h"
#include "replay/log/scan.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using replay::ChunkView;
using replay::LogFindings;
using replay::PosixStorage;

/// The shards' folders, in order of their names.
std::vector<fs::path> ShardFolders(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    throw ConfigError(directory.string() +
                      ": no such directory; expected a run's, its replay "
                      "folder, or one shard's");
  }
  for (const fs::path& folder : {directory, directory / "replay"}) {
    std::vector<fs::path> folders;
    for (const auto shard : StoredShards(folder)) {
      folders.push_back(folder / fmt::format("shard-{}", shard));
    }
    if (!folders.empty()) return folders;
  }
  for (const auto& name : PosixStorage(directory, PosixStorage::Mode::kReadOnly).List()) {
    if (replay::SegmentNumber(name)) return {directory};
  }
  throw ConfigError(directory.string() +
                    ": no segments there, nor in its replay/shard-<k>; runs keep them with "
                    "replay.durability async or sync");
}

Json Summary(const fs::path& folder, const LogFindings& log) {
  Json json{{"folder", folder.string()}, {"segments", log.segments.size()},
            {"bytes", log.bytes},        {"transitions", log.items},
            {"workers", log.workers},    {"damaged_files", log.damaged},
            {"errors", log.errors}};
  for (const auto& segment : log.segments) {
    if (!segment.header) continue;
    const auto& header = *segment.header;
    if (!json.contains("first_item")) json["first_item"] = header.first_handle;
    json["next_item"] = header.first_handle + segment.items;
    json["environment"] = header.environment.id;
    json["observation"] = header.environment.observation.ToString();
    json["actions"] = header.environment.num_actions;
    json["n_step"] = header.n_step;
  }
  return json;
}

int Info(const std::vector<fs::path>& folders, bool as_json, std::ostream& out) {
  Json all = Json::array();
  for (const auto& folder : folders) {
    const PosixStorage storage(folder, PosixStorage::Mode::kReadOnly);
    all.push_back(Summary(folder, ScanLog(storage, {})));
  }
  if (as_json) {
    out << all.dump(2) << "\n";
    return 0;
  }
  for (const auto& shard : all) {
    fmt::print(out, "{}\n", shard["folder"].get<std::string>());
    for (const auto& [key, value] : shard.items()) {
      if (key == "folder" || (value.is_array() && value.empty())) continue;
      fmt::print(out, "  {:<14} {}\n", key,
                 value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return 0;
}

int Verify(const std::vector<fs::path>& folders, std::ostream& out) {
  bool sound = true;
  for (const auto& folder : folders) {
    const PosixStorage storage(folder, PosixStorage::Mode::kReadOnly);
    const LogFindings log = ScanLog(storage, {});
    for (const auto& segment : log.segments) {
      if (!segment.unfinished) continue;
      fmt::print(out,
                 "{}: ends in an unfinished record of {} bytes: a run is writing, or was cut off "
                 "there\n",
                 storage.Describe(segment.name), segment.bytes - segment.sound_bytes);
    }
    for (const auto& error : log.errors) fmt::print(out, "{}\n", error);
    for (const auto& name : log.damaged) {
      fmt::print(out, "{}: was set aside as damaged\n", storage.Describe(name));
    }
    sound = sound && log.errors.empty();
    fmt::print(out, "{}: {} segments, {} transitions, {} bytes: {}\n", folder.string(),
               log.segments.size(), log.items, log.bytes, log.errors.empty() ? "sound" : "DAMAGED");
  }
  return sound ? 0 : 1;
}

Json Observation(const TensorSpec& spec, const std::uint8_t* packed, bool as_hex) {
  const auto bytes = static_cast<std::size_t>(spec.PackedBytes());
  if (as_hex) {
    std::string text;
    for (std::size_t i = 0; i < bytes; ++i) text += fmt::format("{:02x}", packed[i]);
    return text;
  }
  std::vector<float> values(static_cast<std::size_t>(spec.Elements()));
  Unpack(spec, packed, values.data());
  const bool whole = spec.kind == ElementKind::kBits || spec.kind == ElementKind::kBytes;
  if (!whole) return values;
  return std::vector<int>(values.begin(), values.end());
}

/// One step of an environment, without n-step sums: those are the sampler's.
Json Transition(const replay::SegmentHeader& header, const ChunkView& chunk, ItemHandle first,
                std::uint32_t item, bool as_hex) {
  const TensorSpec& spec = header.environment.observation;
  const auto view = chunk.Transition(item, 1, 1.0);
  const bool terminated = (chunk.Flags(item) & replay::kTerminated) != 0;
  Json json{{"shard", header.shard},
            {"handle", first + item},
            {"incarnation", fmt::format("{:016x}", chunk.IncarnationValue())},
            {"item", chunk.FirstItem() + item},
            {"sequence", chunk.Sequence()},
            {"weights_version", chunk.WeightsVersion()},
            {"action", chunk.Action(item)},
            {"reward", chunk.Reward(item)},
            {"terminated", terminated},
            {"truncated", (chunk.Flags(item) & replay::kTruncated) != 0},
            {"td_error", chunk.TdError(item)},
            {"observation", Observation(spec, view.observation, as_hex)}};
  if (spec.masked_actions > 0) {
    json["legal"] =
        LegalActions(spec, {view.observation, static_cast<std::size_t>(spec.PackedBytes())});
  }
  if (spec.contexts > 0) {
    json["context"] =
        ContextsOf(spec, {view.observation, static_cast<std::size_t>(spec.PackedBytes())}).at(0);
  }
  json["next_observation"] = terminated ? Json() : Observation(spec, view.next_observation, as_hex);
  return json;
}

int Dump(const std::vector<fs::path>& folders, const ReplayOptions& options, std::ostream& out) {
  std::uint64_t printed = 0;
  for (const auto& folder : folders) {
    const PosixStorage storage(folder, PosixStorage::Mode::kReadOnly);
    ScanLog(storage,
            [&](const replay::SegmentHeader& header, const ChunkView& chunk, ItemHandle first) {
              for (std::uint32_t i = 0; i < chunk.Items(); ++i) {
                if (options.limit != 0 && printed == options.limit) return;
                out << Transition(header, chunk, first, i, options.packed).dump() << "\n";
                ++printed;
              }
            });
  }
  return 0;
}

}  // namespace

int RunReplay(const ReplayOptions& options, std::ostream& out) {
  const auto folders = ShardFolders(options.directory);
  if (options.action == "info") return Info(folders, options.json, out);
  if (options.action == "verify") return Verify(folders, out);
  return Dump(folders, options, out);
}

}  // namespace stillhouse::cli
