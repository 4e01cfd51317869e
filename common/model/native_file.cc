// model = network description, (parameter block | int8 parameters); docs/formats.md
#include "common/model/native_file.h"

#include <utility>

namespace stillhouse {

std::vector<std::uint8_t> EncodeNativeFile(const NetworkSpec& network,
                                           const ParameterBlock& parameters) {
  ByteWriter out;
  network.Encode(out);
  parameters.Encode(out);
  return out.Take();
}

std::vector<std::uint8_t> EncodeNativeFile(const NetworkSpec& network,
                                           const QuantizedParameters& parameters) {
  ByteWriter out;
  network.Encode(out);
  parameters.Encode(network, out);
  return out.Take();
}

NativeFile DecodeNativeFile(std::span<const std::uint8_t> bytes, std::string_view what) {
  ByteReader in(bytes, what);
  NativeFile file{.network = NetworkSpec::Decode(in), .parameters = {}, .int8 = false};
  file.int8 = QuantizedParameters::IsNext(in);
  file.parameters = file.int8 ? QuantizedParameters::Decode(in, file.network).Dequantize()
                              : ParameterBlock::Decode(in, file.network).TakeValues();
  in.ExpectEnd();
  return file;
}

}  // namespace stillhouse
