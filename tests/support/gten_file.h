#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/model/network_spec.h"

namespace stillhouse {

/// One record of a .gten file. Values row-major, float32 ones widened exactly.
struct GtenTensor {
  std::vector<std::int64_t> shape;
  std::vector<double> values;

  std::vector<float> Floats() const { return {values.begin(), values.end()}; }
};

/// A .gten file (tests/conformance/nets/README.md): name -> tensor.
class GtenFile {
 public:
  /// Throws StorageError or WireError.
  static GtenFile Read(const std::filesystem::path& path);

  bool Has(const std::string& name) const { return tensors_.contains(name); }
  /// Throws WireError when there is no such record.
  const GtenTensor& Get(const std::string& name) const;
  const std::map<std::string, GtenTensor>& Tensors() const { return tensors_; }
  /// File name without directory and ending: "mlp_tanh_6_32_3".
  const std::string& Name() const { return name_; }

 private:
  std::string name_;
  std::map<std::string, GtenTensor> tensors_;
};

/// Every .gten file of `directory`, sorted.
std::vector<std::filesystem::path> ListGtenFiles(const std::filesystem::path& directory);

/// The network that a file holds: the layers as its name and shapes say, on float observations.
struct GtenNetwork {
  std::vector<LayerSpec> layers;  ///< q_head last
  TensorSpec observation;
  std::int32_t num_actions = 0;
  /// The file's record of every entry of NetworkSpec::Tensors(), in that order.
  std::vector<std::string> records;

  NetworkSpec Spec() const { return NetworkSpec::Create(layers, observation, num_actions); }
};
GtenNetwork DescribeGtenNetwork(const GtenFile& file);

/// The flat parameter block of the network. prefix: "" for the parameters, "grad." for gradients.
std::vector<float> FlatGtenParameters(const GtenFile& file, const GtenNetwork& network,
                                      const std::string& prefix = "");

}  // namespace stillhouse
