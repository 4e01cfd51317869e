#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stillhouse {

inline constexpr const char* kManifestFile = "MANIFEST.json";

/// What a checkpoint says of itself in MANIFEST.json, beside its files.
struct CheckpointFacts {
  std::uint64_t updates = 0;  ///< of the teacher; names the directory
  std::uint64_t frames = 0;
  std::uint32_t attempt = 1;
  std::string phase = "train";
  /// Models whose host did not answer: their part is of an earlier checkpoint, so many seconds old.
  std::map<std::string, double> reused;
};

/// One file as the manifest names it.
struct ManifestFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
};

struct CheckpointManifest {
  CheckpointFacts facts;
  std::vector<ManifestFile> files;
};

/// A plain name that is not the manifest's own.
bool IsCheckpointFile(const std::string& name);

/// The text of MANIFEST.json; checkpoint_manifest.cc opens with the format.
std::string PrintManifest(const CheckpointManifest& manifest);

/// Throws WireError that begins with `where`.
CheckpointManifest ParseManifest(std::string_view text, const std::string& where);

}  // namespace stillhouse
