#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <gtest/gtest.h>

#include "common/model/native_network.h"
#include "tests/support/gten_file.h"

namespace stillhouse {
namespace {

std::filesystem::path NetsDirectory() {
  const char* set = std::getenv("STILLHOUSE_CONFORMANCE_DIR");
  const std::filesystem::path root = set != nullptr && *set != '\0' ? std::filesystem::path(set)
                                                                    : STILLHOUSE_SOURCE_DIR
                                         "/tests/conformance";
  return root / "nets";
}

std::vector<GtenFile> ReadAll() {
  std::vector<GtenFile> files;
  for (const auto& path : ListGtenFiles(NetsDirectory())) files.push_back(GtenFile::Read(path));
  EXPECT_FALSE(files.empty()) << "no .gten file in " << NetsDirectory();
  return files;
}

/// The README's tolerance for outputs in float32.
void ExpectClose(std::span<const float> found, std::span<const double> expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(found[i]), expected[i], 1e-5 + 1e-5 * std::abs(expected[i]))
        << "value " << i;
  }
}

NativeNetwork Load(const NetworkSpec& spec, const std::vector<float>& parameters) {
  NativeNetwork network(spec);
  network.SetParameters(parameters);
  return network;
}

std::vector<float> ForwardFloats(NativeNetwork& network, const std::vector<float>& input) {
  const std::int64_t batch = std::ssize(input) / network.Spec().Observation().Elements();
  std::vector<float> q(static_cast<std::size_t>(batch * network.Spec().NumActions()));
  network.ForwardFloats(input, batch, q);
  return q;
}

class NetsConformanceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(NetsDirectory())) {
      GTEST_SKIP() << NetsDirectory() << " is missing";
    }
  }
};

TEST_F(NetsConformanceTest, NativeOutputsMatchTorchInOneBatchAndOneByOne) {
  for (const GtenFile& file : ReadAll()) {
    SCOPED_TRACE(file.Name());
    const GtenNetwork description = DescribeGtenNetwork(file);
    auto network = Load(description.Spec(), FlatGtenParameters(file, description));
    const auto input = file.Get("input").Floats();
    const auto q = ForwardFloats(network, input);
    ExpectClose(q, file.Get("output").values);
    ExpectClose(q, file.Get("output64").values);

    const auto elements = static_cast<std::size_t>(network.Spec().Observation().Elements());
    std::vector<float> one_by_one;
    for (std::size_t at = 0; at < input.size(); at += elements) {
      const auto from = input.begin() + static_cast<std::ptrdiff_t>(at);
      const auto one = ForwardFloats(network, {from, from + static_cast<std::ptrdiff_t>(elements)});
      one_by_one.insert(one_by_one.end(), one.begin(), one.end());
    }
    EXPECT_EQ(q, one_by_one);
  }
}

/// Bits of a row that is all zeros and ones; nullopt for another one.
std::optional<std::vector<std::uint8_t>> PackRow(std::span<const double> row) {
  std::vector<std::uint8_t> bits((row.size() + 7) / 8);
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] != 0 && row[i] != 1) return std::nullopt;
    if (row[i] == 1) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (1 << (i % 8)));
  }
  return bits;
}

TEST_F(NetsConformanceTest, NativeOutputsOfBitObservationsMatchTorch) {
  for (const GtenFile& file : ReadAll()) {
    SCOPED_TRACE(file.Name());
    GtenNetwork description = DescribeGtenNetwork(file);
    const auto parameters = FlatGtenParameters(file, description);
    description.observation.kind = ElementKind::kBits;
    auto network = Load(description.Spec(), parameters);
    const auto elements = static_cast<std::size_t>(description.observation.Elements());
    const auto actions = static_cast<std::size_t>(description.num_actions);
    const std::span<const double> input = file.Get("input").values;
    const std::span<const double> output = file.Get("output").values;
    for (std::size_t row = 0; row * elements < input.size(); ++row) {
      const auto bits = PackRow(input.subspan(row * elements, elements));
      if (!bits) continue;
      std::vector<float> q(actions);
      network.Forward(*bits, 1, q);
      ExpectClose(q, output.subspan(row * actions, actions));
    }
  }
}

/// Compares what the first `num_layers` layers give with `record`, whose rows are the first ones of
/// the input: a head with the identity as its weights shows it.
void CheckIntermediate(const GtenFile& file, std::size_t num_layers, std::size_t num_tensors,
                       const std::string& record) {
  SCOPED_TRACE(record);
  GtenNetwork description = DescribeGtenNetwork(file);
  auto parameters = FlatGtenParameters(file, description);
  const auto tensors = description.Spec().Tensors();
  parameters.resize(static_cast<std::size_t>(tensors.at(num_tensors).offset));
  const GtenTensor& expected = file.Get(record);
  const auto rows = static_cast<std::size_t>(expected.shape.at(0));
  const std::size_t width = expected.values.size() / rows;
  description.layers.resize(num_layers);
  description.layers.push_back({.kind = LayerKind::kFlatten});
  description.layers.push_back({.kind = LayerKind::kQHead});
  description.num_actions = static_cast<std::int32_t>(width);
  for (std::size_t o = 0; o < width; ++o) {
    for (std::size_t i = 0; i < width; ++i) parameters.push_back(i == o ? 1.0F : 0.0F);
  }
  parameters.insert(parameters.end(), width, 0.0F);

  auto network = Load(description.Spec(), parameters);
  auto input = file.Get("input").Floats();
  input.resize(rows * static_cast<std::size_t>(description.observation.Elements()));
  ExpectClose(ForwardFloats(network, input), expected.values);
}

TEST_F(NetsConformanceTest, NativeIntermediateValuesMatchTorch) {
  for (const GtenFile& file : ReadAll()) {
    SCOPED_TRACE(file.Name());
    if (file.Has("conv_out")) CheckIntermediate(file, 2, 2, "conv_out");
    if (file.Has("fc_out")) CheckIntermediate(file, 5, 4, "fc_out");
  }
}

}  // namespace
}  // namespace stillhouse
