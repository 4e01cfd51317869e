#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace stillhouse::testing {

/// STILLHOUSE_CONFORMANCE_DIR, or tests/conformance of the source tree where that is unset or
/// empty.
std::filesystem::path ConformanceDirectory();

/// Files of ConformanceDirectory() / `folder` whose names end in `suffix`, sorted; none when there
/// is no such folder.
std::vector<std::filesystem::path> ListConformanceFiles(const std::string& folder,
                                                        const std::string& suffix);

/// The whole file. Throws StorageError.
std::string ReadText(const std::filesystem::path& path);

/// A tensor of a golden file, row-major.
struct GoldenTensor {
  std::vector<std::int64_t> shape;
  std::string dtype;
  std::vector<double> data;

  std::size_t Size() const { return data.size(); }
  /// The only element.
  double Scalar() const;
  /// float32 values parsed as double and cast are exact.
  std::vector<float> Floats() const;
  std::vector<std::int64_t> Integers() const;
};

/// One case of a file of the format "golden v1" (tests/conformance/losses/README.md).
struct GoldenCase {
  std::string name;
  std::string kind;  ///< of a case of many kinds (tests/conformance/stats); else empty
  std::string dtype;
  nlohmann::json params;
  std::map<std::string, GoldenTensor> inputs;
  std::map<std::string, GoldenTensor> expected;
  double rtol = 0;
  double atol = 0;

  const GoldenTensor& Input(const std::string& key) const;
  const GoldenTensor& Expected(const std::string& key) const;
  bool HasExpected(const std::string& key) const { return expected.count(key) > 0; }
  double Number(const std::string& key) const;

  /// Empty when every value passes |got - expected| <= atol + rtol |expected| (integers and bools:
  /// equal, none may be infinite or NaN); else the first that does not, in words.
  std::string Mismatch(const std::string& key, const std::vector<double>& got) const;
};

/// The topic that a golden file states. Throws StorageError.
std::string GoldenTopic(const std::filesystem::path& path);

/// Throws StorageError on a file that is not of the format.
std::vector<GoldenCase> ReadGolden(const std::filesystem::path& path);

/// The cases of `folder`/`topic`.json; none when the file is missing.
std::vector<GoldenCase> GoldenCases(const std::string& folder, const std::string& topic);

}  // namespace stillhouse::testing
