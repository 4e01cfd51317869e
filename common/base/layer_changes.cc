#include "common/base/layer_changes.h"

namespace stillhouse {

void LayerChanges::Encode(ByteWriter& out) const {
  out.Put(static_cast<std::uint16_t>(layers.size()));
  for (const std::string& layer : layers) out.PutString(layer);
  out.PutArray(std::span(change));
  out.Put(static_cast<std::uint16_t>(parts.size()));
  for (const Part& part : parts) {
    out.PutString(part.name);
    out.PutArray(std::span(part.norm));
    out.PutArray(std::span(part.cosine));
  }
}

LayerChanges LayerChanges::Decode(ByteReader& in) {
  LayerChanges message;
  const auto layers = in.Get<std::uint16_t>();
  for (std::uint16_t i = 0; i < layers; ++i) message.layers.push_back(in.GetString());
  message.change = in.GetArray<float>(layers);
  const auto parts = in.Get<std::uint16_t>();
  for (std::uint16_t i = 0; i < parts; ++i) {
    Part part;
    part.name = in.GetString();
    part.norm = in.GetArray<float>(layers);
    part.cosine = in.GetArray<float>(layers);
    message.parts.push_back(std::move(part));
  }
  return message;
}

}  // namespace stillhouse
