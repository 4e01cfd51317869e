// <updates>/MANIFEST.json:
//   {"format": 1, "updates": u64, "frames": u64, "attempt": u32, "phase": string, "time": Unix s,
//    "reused": {model: age in s}, "files": [{"name", "bytes", "crc32c"}...], "crc32c": of the rest}
// The last value is the CRC32C of the manifest's own compact text without it.
#include "common/run/checkpoint_manifest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/crc32c.h"
#include "common/base/error.h"

namespace stillhouse {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
/// What is deeper was not written by us, and printing it again would cost stack.
constexpr int kMostDepth = 16;

std::span<const std::uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Takes the values of a manifest out of its JSON, checked.
class Fields {
 public:
  explicit Fields(const std::string& where) : where_(where) {}

  [[noreturn]] void Fail(const std::string& why) const {
    throw WireError(fmt::format("{}: {}", where_, why));
  }
  const Json& At(const Json& object, const char* key) const {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (found == object.end()) Fail(fmt::format("no '{}'", key));
    return *found;
  }
  template <typename T>
  T Number(const Json& object, const char* key) const {
    const Json& value = At(object, key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<T>::max()) {
      Fail(fmt::format("'{}' is no number from 0 to {}", key, std::numeric_limits<T>::max()));
    }
    return static_cast<T>(value.get<std::uint64_t>());
  }
  std::string Text(const Json& object, const char* key) const {
    const Json& value = At(object, key);
    if (!value.is_string()) Fail(fmt::format("'{}' is no text", key));
    return value.get<std::string>();
  }

 private:
  const std::string& where_;
};

/// The whole of it, its own checksum checked and taken away.
Json Whole(std::string_view text, const Fields& fields) {
  const auto not_too_deep = [](int depth, Json::parse_event_t, const Json&) {
    return depth <= kMostDepth;
  };
  Json json = Json::parse(text, not_too_deep, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("crc32c") || !json["crc32c"].is_number_unsigned()) {
    fields.Fail("not a whole manifest");
  }
  const auto stored = json["crc32c"].get<std::uint64_t>();
  json.erase("crc32c");
  if (const std::uint32_t actual = Crc32c(Bytes(json.dump())); actual != stored) {
    fields.Fail(fmt::format("its checksum is {:08x}, the text's is {:08x}", stored, actual));
  }
  if (const Json& format = fields.At(json, "format"); format != kFormat) {
    fields.Fail(fmt::format("format {}, this program reads {}", format.dump(), kFormat));
  }
  return json;
}

}  // namespace

bool IsCheckpointFile(const std::string& name) {
  return !name.empty() && name[0] != '.' && name != kManifestFile &&
         std::none_of(name.begin(), name.end(), [](char c) { return c == '/' || c == '\0'; });
}

std::string PrintManifest(const CheckpointManifest& manifest) {
  const CheckpointFacts& facts = manifest.facts;
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  Json json{{"format", kFormat},        {"updates", facts.updates}, {"frames", facts.frames},
            {"attempt", facts.attempt}, {"phase", facts.phase},     {"time", now},
            {"reused", Json::object()}, {"files", Json::array()}};
  for (const auto& [model, age_s] : facts.reused) json["reused"][model] = age_s;
  for (const ManifestFile& file : manifest.files) {
    json["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"crc32c", file.crc32c}});
  }
  const std::uint32_t crc = Crc32c(Bytes(json.dump()));
  json["crc32c"] = crc;
  return json.dump(2) + "\n";
}

CheckpointManifest ParseManifest(std::string_view text, const std::string& where) {
  const Fields fields(where);
  const Json json = Whole(text, fields);
  CheckpointManifest manifest;
  manifest.facts.updates = fields.Number<std::uint64_t>(json, "updates");
  manifest.facts.frames = fields.Number<std::uint64_t>(json, "frames");
  manifest.facts.attempt = fields.Number<std::uint32_t>(json, "attempt");
  manifest.facts.phase = fields.Text(json, "phase");
  const Json& reused = fields.At(json, "reused");
  if (!reused.is_object()) fields.Fail("'reused' is no map");
  for (const auto& [model, age] : reused.items()) {
    if (!age.is_number() || !std::isfinite(age.get<double>())) fields.Fail("an age is no number");
    manifest.facts.reused[model] = age.get<double>();
  }
  const Json& files = fields.At(json, "files");
  if (!files.is_array()) fields.Fail("'files' is no list");
  for (const Json& file : files) {
    ManifestFile entry{fields.Text(file, "name"), fields.Number<std::uint64_t>(file, "bytes"),
                       fields.Number<std::uint32_t>(file, "crc32c")};
    if (!IsCheckpointFile(entry.name)) fields.Fail("a file's name is a path");
    const bool again =
        std::any_of(manifest.files.begin(), manifest.files.end(),
                    [&](const ManifestFile& other) { return other.name == entry.name; });
    if (again) fields.Fail(fmt::format("'{}' is named twice", entry.name));
    manifest.files.push_back(std::move(entry));
  }
  return manifest;
}

}  // namespace stillhouse
