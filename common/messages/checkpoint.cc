// ModelParts:  count u16, then each model u16, length u64, bytes.
// CheckpointPart:  id u64, updates u64, samples u64, ModelParts.   Restore:  ModelParts.
// ShardPart:  id u64, length u32, bytes.
#include "common/messages/checkpoint.h"

namespace stillhouse {
namespace {

std::size_t PartsSize(const std::vector<ModelPart>& parts) {
  std::size_t size = 2;
  for (const auto& part : parts) size += 10 + part.bytes.size();
  return size;
}

void PutParts(ByteWriter& out, const std::vector<ModelPart>& parts) {
  out.Put(static_cast<std::uint16_t>(parts.size()));
  for (const auto& part : parts) {
    out.Put(part.model);
    out.Put(static_cast<std::uint64_t>(part.bytes.size()));
    out.PutBytes(part.bytes);
  }
}

std::vector<ModelPart> GetParts(ByteReader& in) {
  std::vector<ModelPart> parts;
  for (auto left = in.Get<std::uint16_t>(); left > 0; --left) {
    ModelPart part;
    part.model = in.Get<std::uint16_t>();
    part.bytes = in.GetArray<std::uint8_t>(in.Get<std::uint64_t>());
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace

std::size_t CheckpointPart::SizeHint() const { return 24 + PartsSize(models); }

void CheckpointPart::Encode(ByteWriter& out) const {
  out.Put(id);
  out.Put(updates);
  out.Put(samples);
  PutParts(out, models);
}

CheckpointPart CheckpointPart::Decode(ByteReader& in) {
  CheckpointPart part;
  part.id = in.Get<std::uint64_t>();
  part.updates = in.Get<std::uint64_t>();
  part.samples = in.Get<std::uint64_t>();
  part.models = GetParts(in);
  return part;
}

void ShardPart::Encode(ByteWriter& out) const {
  out.Put(id);
  out.PutVector(bytes);
}

ShardPart ShardPart::Decode(ByteReader& in) {
  ShardPart part;
  part.id = in.Get<std::uint64_t>();
  part.bytes = in.GetVector<std::uint8_t>();
  return part;
}

std::size_t Restore::SizeHint() const { return PartsSize(models); }
void Restore::Encode(ByteWriter& out) const { PutParts(out, models); }
Restore Restore::Decode(ByteReader& in) { return {GetParts(in)}; }

}  // namespace stillhouse
