#include "common/messages/worker_plane.h"

namespace stillhouse {

void Hello::Encode(ByteWriter& out) const {
  out.PutString(token);
  out.Put(protocol);
  out.Put(incarnation);
  out.Put(static_cast<std::uint8_t>(home));
  out.Put(static_cast<std::uint8_t>(!environment.id.empty()));
  if (!environment.id.empty()) environment.Encode(out);
}

Hello Hello::Decode(ByteReader& in) {
  Hello message;
  message.token = in.GetString();
  message.protocol = in.Get<std::uint16_t>();
  if (message.protocol != kWorkerProtocolVersion) {
    in.Fail(fmt::format("worker protocol {}, this job speaks {}", message.protocol,
                        kWorkerProtocolVersion));
  }
  message.incarnation = in.Get<std::uint64_t>();
  message.home = in.GetBool();
  if (in.GetBool()) message.environment = EnvironmentSpec::Decode(in);
  return message;
}

void Welcome::Encode(ByteWriter& out) const {
  out.Put(shard);
  out.Put(shards);
  out.PutString(config);
  out.Put(last_sequence);
}

Welcome Welcome::Decode(ByteReader& in) {
  Welcome message;
  message.shard = in.Get<std::uint32_t>();
  message.shards = in.Get<std::uint32_t>();
  message.config = in.GetString();
  message.last_sequence = in.Get<std::uint64_t>();
  return message;
}

void Ack::Encode(ByteWriter& out) const {
  out.Put(sequence);
  out.Put(shard_size);
}

Ack Ack::Decode(ByteReader& in) {
  Ack message;
  message.sequence = in.Get<std::uint64_t>();
  message.shard_size = in.Get<std::uint64_t>();
  return message;
}

// Of the run what workers need: phase u8, frames, updates u64, dead shards.
void WorkerStatus::Encode(ByteWriter& out) const {
  out.Put(run.phase);
  out.Put(run.frames);
  out.Put(run.updates);
  out.PutVector(run.dead_shards);
  out.Put(teacher_version);
  out.Put(shard_size);
  out.Put(guest_version);
}

WorkerStatus WorkerStatus::Decode(ByteReader& in) {
  WorkerStatus message;
  message.run.phase = in.GetEnum(RunPhase::kEnd);
  message.run.frames = in.Get<std::uint64_t>();
  message.run.updates = in.Get<std::uint64_t>();
  message.run.dead_shards = in.GetVector<std::uint16_t>();
  message.teacher_version = in.Get<std::uint64_t>();
  message.shard_size = in.Get<std::uint64_t>();
  message.guest_version = in.Get<std::uint64_t>();
  return message;
}

void WeightsRequest::Encode(ByteWriter& out) const {
  out.Put(model);
  out.Put(version);
}

WeightsRequest WeightsRequest::Decode(ByteReader& in) {
  WeightsRequest message;
  message.model = in.Get<std::uint16_t>();
  message.version = in.Get<std::uint64_t>();
  return message;
}

void WeightsReply::Encode(ByteWriter& out) const {
  out.Put(model);
  out.Put(version);
  out.PutVector(parameters);
}

WeightsReply WeightsReply::Decode(ByteReader& in) {
  WeightsReply message;
  message.model = in.Get<std::uint16_t>();
  message.version = in.Get<std::uint64_t>();
  message.parameters = in.GetVector<float>();
  return message;
}

void WorkerReport::Encode(ByteWriter& out) const {
  out.Put(static_cast<std::uint32_t>(episodes.size()));
  for (const auto& episode : episodes) {
    out.Put(episode.episode_return);
    out.Put(episode.length);
  }
  out.Put(epsilon_mean);
  out.Put(static_cast<std::uint8_t>(waiting));
}

WorkerReport WorkerReport::Decode(ByteReader& in) {
  WorkerReport message;
  const auto count = in.Get<std::uint32_t>();
  if (count > in.Left() / 8) in.Fail("more episodes than bytes");
  message.episodes.resize(count);
  for (auto& episode : message.episodes) {
    episode.episode_return = in.Get<float>();
    episode.length = in.Get<std::uint32_t>();
  }
  message.epsilon_mean = in.Get<double>();
  message.waiting = in.GetBool();
  return message;
}

}  // namespace stillhouse
