#include "tests/support/conformance_data.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "common/base/error.h"

namespace stillhouse::testing {
namespace {

GoldenTensor ParseTensor(const nlohmann::json& json) {
  GoldenTensor tensor;
  tensor.shape = json.at("shape").get<std::vector<std::int64_t>>();
  tensor.dtype = json.at("dtype").get<std::string>();
  for (const auto& value : json.at("data")) {
    tensor.data.push_back(value.is_boolean() ? static_cast<double>(value.get<bool>())
                                             : value.get<double>());
  }
  std::int64_t elements = 1;
  for (const std::int64_t size : tensor.shape) elements *= size;
  if (elements != static_cast<std::int64_t>(tensor.data.size())) {
    throw StorageError(
        fmt::format("a tensor of {} elements holds {}", elements, tensor.data.size()));
  }
  return tensor;
}

std::map<std::string, GoldenTensor> ParseTensors(const nlohmann::json& json) {
  std::map<std::string, GoldenTensor> tensors;
  for (const auto& [key, value] : json.items()) tensors.emplace(key, ParseTensor(value));
  return tensors;
}

const GoldenTensor& At(const std::map<std::string, GoldenTensor>& tensors, const std::string& key,
                       const std::string& name) {
  const auto found = tensors.find(key);
  if (found == tensors.end()) throw StorageError(fmt::format("case {}: no tensor {}", name, key));
  return found->second;
}

}  // namespace

std::filesystem::path ConformanceDirectory() {
  const char* const set = std::getenv("STILLHOUSE_CONFORMANCE_DIR");
  if (set != nullptr && *set != '\0') return set;
  return STILLHOUSE_SOURCE_DIR "/tests/conformance";
}

std::vector<std::filesystem::path> ListConformanceFiles(const std::string& folder,
                                                        const std::string& suffix) {
  std::vector<std::filesystem::path> files;
  const auto directory = ConformanceDirectory() / folder;
  if (!std::filesystem::is_directory(directory)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.path().filename().string().ends_with(suffix)) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw StorageError(fmt::format("{}: cannot be read", path.string()));
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

double GoldenTensor::Scalar() const {
  if (data.size() != 1) throw StorageError(fmt::format("{} elements, not one", data.size()));
  return data.front();
}

std::vector<float> GoldenTensor::Floats() const {
  std::vector<float> values;
  for (const double value : data) values.push_back(static_cast<float>(value));
  return values;
}

std::vector<std::int64_t> GoldenTensor::Integers() const {
  std::vector<std::int64_t> values;
  for (const double value : data) values.push_back(static_cast<std::int64_t>(value));
  return values;
}

const GoldenTensor& GoldenCase::Input(const std::string& key) const {
  return At(inputs, key, name);
}

const GoldenTensor& GoldenCase::Expected(const std::string& key) const {
  return At(expected, key, name);
}

double GoldenCase::Number(const std::string& key) const { return params.at(key).get<double>(); }

std::string GoldenCase::Mismatch(const std::string& key, const std::vector<double>& got) const {
  const GoldenTensor& want = Expected(key);
  if (got.size() != want.Size()) {
    return fmt::format("{}: {}: {} values, {} expected", name, key, got.size(), want.Size());
  }
  const bool exact = want.dtype == "int64" || want.dtype == "bool";
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double expected_value = want.data[i];
    const double off = std::abs(got[i] - expected_value);
    const double allowed = exact ? 0 : atol + rtol * std::abs(expected_value);
    if (!std::isfinite(got[i]) || off > allowed) {
      return fmt::format("{}: {}[{}]: {}, expected {}", name, key, i, got[i], expected_value);
    }
  }
  return {};
}

std::string GoldenTopic(const std::filesystem::path& path) {
  try {
    return nlohmann::json::parse(ReadText(path)).at("topic").get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    throw StorageError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

std::vector<GoldenCase> ReadGolden(const std::filesystem::path& path) {
  try {
    const auto json = nlohmann::json::parse(ReadText(path));
    if (json.at("format") != "golden v1") {
      throw StorageError(fmt::format("{}: not a golden file", path.string()));
    }
    std::vector<GoldenCase> cases;
    for (const auto& entry : json.at("cases")) {
      GoldenCase one;
      one.name = entry.at("name").get<std::string>();
      one.kind = entry.value("kind", std::string());
      one.dtype = entry.at("dtype").get<std::string>();
      one.params = entry.at("params");
      one.inputs = ParseTensors(entry.at("inputs"));
      one.expected = ParseTensors(entry.at("expected"));
      one.rtol = entry.at("rtol").get<double>();
      one.atol = entry.at("atol").get<double>();
      cases.push_back(std::move(one));
    }
    return cases;
  } catch (const nlohmann::json::exception& error) {
    throw StorageError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

std::vector<GoldenCase> GoldenCases(const std::string& folder, const std::string& topic) {
  const auto path = ConformanceDirectory() / folder / (topic + ".json");
  if (!std::filesystem::exists(path)) return {};
  return ReadGolden(path);
}

}  // namespace stillhouse::testing
