#include "common/messages/sampling.h"

namespace stillhouse {

void ShardTotals::Encode(ByteWriter& out) const {
  out.Put(mass);
  out.Put(min_priority);
  out.Put(size);
  out.Put(inserted);
}

ShardTotals ShardTotals::Decode(ByteReader& in) {
  ShardTotals totals;
  totals.mass = in.Get<double>();
  totals.min_priority = in.Get<double>();
  totals.size = in.Get<std::uint64_t>();
  totals.inserted = in.Get<std::uint64_t>();
  return totals;
}

void SampleRequest::Encode(ByteWriter& out) const {
  out.Put(request);
  out.Put(assumed_mass);
  out.PutVector(offsets);
}

SampleRequest SampleRequest::Decode(ByteReader& in) {
  SampleRequest message;
  message.request = in.Get<std::uint64_t>();
  message.assumed_mass = in.Get<double>();
  message.offsets = in.GetVector<double>();
  return message;
}

void SampleReply::Encode(ByteWriter& out) const {
  out.Put(request);
  totals.Encode(out);
  out.Put(static_cast<std::uint32_t>(handles.size()));
  out.PutArray(std::span(handles));
  out.PutArray(std::span(priorities));
  out.PutArray(std::span(actions));
  out.PutArray(std::span(rewards));
  out.PutArray(std::span(discounts));
  out.PutVector(observations);
  out.PutVector(next_observations);
}

SampleReply SampleReply::Decode(ByteReader& in) {
  SampleReply message;
  message.request = in.Get<std::uint64_t>();
  message.totals = ShardTotals::Decode(in);
  const auto n = in.Get<std::uint32_t>();
  message.handles = in.GetArray<ItemHandle>(n);
  message.priorities = in.GetArray<double>(n);
  message.actions = in.GetArray<std::int32_t>(n);
  message.rewards = in.GetArray<float>(n);
  message.discounts = in.GetArray<float>(n);
  message.observations = in.GetVector<std::uint8_t>();
  message.next_observations = in.GetVector<std::uint8_t>();
  if (message.observations.size() != message.next_observations.size() ||
      (n == 0) != message.observations.empty() || (n > 0 && message.observations.size() % n != 0)) {
    in.Fail("observations do not fit the number of items");
  }
  return message;
}

void PriorityUpdate::Encode(ByteWriter& out) const {
  out.Put(static_cast<std::uint32_t>(handles.size()));
  out.PutArray(std::span(handles));
  out.PutArray(std::span(td_errors));
}

PriorityUpdate PriorityUpdate::Decode(ByteReader& in) {
  PriorityUpdate message;
  const auto n = in.Get<std::uint32_t>();
  message.handles = in.GetArray<ItemHandle>(n);
  message.td_errors = in.GetArray<float>(n);
  return message;
}

}  // namespace stillhouse
