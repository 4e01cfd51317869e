// gten = "GTEN", uint32 version (1), uint32 count, record*; little-endian
// record = uint32 length, name, uint32 type (0 float32, 1 float64), uint32 dimensions, uint32
// size*,
//          values row-major
#include "tests/support/gten_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "common/base/byte_io.h"
#include "common/base/error.h"

namespace stillhouse {
namespace {

GtenTensor ReadTensor(ByteReader& in) {
  GtenTensor tensor;
  const auto type = in.Get<std::uint32_t>();
  const auto dimensions = in.Get<std::uint32_t>();
  if (type > 1 || dimensions > 8) in.Fail(fmt::format("type {}, rank {}", type, dimensions));
  std::size_t count = 1;
  for (std::uint32_t d = 0; d < dimensions; ++d) {
    const auto size = in.Get<std::uint32_t>();
    tensor.shape.push_back(size);
    count *= size;
    if (count > in.Left()) in.Fail("a tensor is larger than its file");
  }
  if (type == 0) {
    const auto values = in.GetArray<float>(count);
    tensor.values.assign(values.begin(), values.end());
  } else {
    tensor.values = in.GetArray<double>(count);
  }
  return tensor;
}

LayerSpec ActivationOf(const GtenFile& file) {
  if (file.Name().starts_with("mlp_relu_")) return {.kind = LayerKind::kRelu};
  if (file.Name().starts_with("mlp_tanh_")) return {.kind = LayerKind::kTanh};
  throw WireError(file.Name() + ": unknown activation");
}

void DescribeMlp(const GtenFile& file, GtenNetwork& network) {
  const LayerSpec activation = ActivationOf(file);
  for (std::size_t i = 0; file.Has(fmt::format("l{}.weight", i)); ++i) {
    if (i > 0) network.layers.push_back(activation);
    const auto& weight = file.Get(fmt::format("l{}.weight", i));
    network.layers.push_back({.kind = LayerKind::kLinear, .units = weight.shape.at(0)});
    network.records.push_back(fmt::format("l{}.weight", i));
    network.records.push_back(fmt::format("l{}.bias", i));
  }
  network.layers.back() = {.kind = LayerKind::kQHead};
}

void DescribeConvNet(const GtenFile& file, GtenNetwork& network) {
  const auto& conv = file.Get("conv.weight").shape;
  network.layers = {{.kind = LayerKind::kConv2d, .units = conv.at(0), .kernel = conv.at(2)},
                    {.kind = LayerKind::kRelu},
                    {.kind = LayerKind::kFlatten},
                    {.kind = LayerKind::kLinear, .units = file.Get("fc.weight").shape.at(0)},
                    {.kind = LayerKind::kRelu},
                    {.kind = LayerKind::kQHead, .dueling = file.Has("value.weight")}};
  network.records = {"conv.weight", "conv.bias", "fc.weight", "fc.bias"};
  for (const char* head : {"head", "value", "advantage"}) {
    if (!file.Has(fmt::format("{}.weight", head))) continue;
    network.records.push_back(fmt::format("{}.weight", head));
    network.records.push_back(fmt::format("{}.bias", head));
  }
}

}  // namespace

GtenFile GtenFile::Read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw StorageError(fmt::format("{}: cannot be read", path.string()));
  const std::vector<char> text{std::istreambuf_iterator<char>(stream), {}};
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  ByteReader in(bytes, path.filename().string());
  if (in.Get<std::uint32_t>() != 0x4e455447) in.Fail("magic is not GTEN");
  if (const auto version = in.Get<std::uint32_t>(); version != 1) {
    in.Fail(fmt::format("version {}, expected 1", version));
  }
  GtenFile file;
  file.name_ = path.stem().string();
  for (auto count = in.Get<std::uint32_t>(); count > 0; --count) {
    const std::string name = in.GetString();
    file.tensors_[name] = ReadTensor(in);
  }
  in.ExpectEnd();
  return file;
}

const GtenTensor& GtenFile::Get(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw WireError(fmt::format("{}: no record {}", name_, name));
  return found->second;
}

std::vector<std::filesystem::path> ListGtenFiles(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".gten") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

GtenNetwork DescribeGtenNetwork(const GtenFile& file) {
  GtenNetwork network;
  const auto& input = file.Get("input").shape;
  network.observation = {ElementKind::kFloats, {input.begin() + 1, input.end()}};
  network.num_actions = static_cast<std::int32_t>(file.Get("output").shape.at(1));
  if (file.Has("conv.weight")) {
    DescribeConvNet(file, network);
  } else {
    DescribeMlp(file, network);
  }
  return network;
}

std::vector<float> FlatGtenParameters(const GtenFile& file, const GtenNetwork& network,
                                      const std::string& prefix) {
  std::vector<float> flat;
  const NetworkSpec spec = network.Spec();
  for (std::size_t i = 0; i < network.records.size(); ++i) {
    const GtenTensor& tensor = file.Get(prefix + network.records[i]);
    if (tensor.shape != spec.Tensors().at(i).shape) {
      throw WireError(fmt::format("{}: {} has not the shape of {}", file.Name(), network.records[i],
                                  spec.Tensors()[i].name));
    }
    const auto values = tensor.Floats();
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

}  // namespace stillhouse
