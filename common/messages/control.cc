#include "common/messages/control.h"

#include "common/base/distinct_sketch.h"

namespace stillhouse {

void RunStatus::Encode(ByteWriter& out) const {
  out.Put(phase);
  out.Put(frames);
  out.Put(updates);
  out.PutVector(dead_shards);
  out.PutVector(retention);
  out.Put(best_round);
}

RunStatus RunStatus::Decode(ByteReader& in) {
  RunStatus message;
  message.phase = in.GetEnum(RunPhase::kEnd);
  message.frames = in.Get<std::uint64_t>();
  message.updates = in.Get<std::uint64_t>();
  message.dead_shards = in.GetVector<std::uint16_t>();
  message.retention = in.GetVector<float>();
  message.best_round = in.Get<std::uint32_t>();
  return message;
}

void ShardReport::Encode(ByteWriter& out) const {
  totals.Encode(out);
  out.Put(bytes);
  out.Put(frames);
  out.Put(static_cast<std::uint8_t>(insert_blocked));
  out.Put(epsilon_mean);
  out.Put(weights_lag_p99);
  out.PutVector(home_workers);
  out.Put(static_cast<std::uint32_t>(episodes.size()));
  for (const auto& episode : episodes) {
    out.Put(episode.episode_return);
    out.Put(episode.length);
  }
  out.PutVector(action_counts);
  out.PutVector(visited);
}

ShardReport ShardReport::Decode(ByteReader& in) {
  ShardReport message;
  message.totals = ShardTotals::Decode(in);
  message.bytes = in.Get<std::uint64_t>();
  message.frames = in.Get<std::uint64_t>();
  message.insert_blocked = in.GetBool();
  message.epsilon_mean = in.Get<double>();
  message.weights_lag_p99 = in.Get<std::uint32_t>();
  message.home_workers = in.GetVector<std::uint64_t>();
  const auto episodes = in.Get<std::uint32_t>();
  if (episodes > in.Left() / 8) in.Fail("more episodes than bytes");
  message.episodes.resize(episodes);
  for (auto& episode : message.episodes) {
    episode.episode_return = in.Get<float>();
    episode.length = in.Get<std::uint32_t>();
  }
  message.action_counts = in.GetVector<std::uint64_t>();
  message.visited = in.GetVector<std::uint8_t>();
  if (!message.visited.empty() && message.visited.size() != DistinctSketch::kRegisters) {
    in.Fail("a sketch of another size");
  }
  return message;
}

void LearnerReport::Encode(ByteWriter& out) const {
  out.Put(updates);
  out.Put(samples);
  out.Put(tail_batches);
  out.Put(version);
  out.Put(loss);
  out.Put(q_mean);
  out.Put(grad_norm);
  out.Put(static_cast<std::uint8_t>(sample_blocked));
  out.Put(wait);
  out.PutVector(owing_shards);
  out.PutVector(owing_learners);
  out.PutVector(dropped);
  out.PutVector(lag_updates);
  out.PutVector(silent_ms);
}

LearnerReport LearnerReport::Decode(ByteReader& in) {
  LearnerReport message;
  message.updates = in.Get<std::uint64_t>();
  message.samples = in.Get<std::uint64_t>();
  message.tail_batches = in.Get<std::uint64_t>();
  message.version = in.Get<std::uint64_t>();
  message.loss = in.Get<double>();
  message.q_mean = in.Get<double>();
  message.grad_norm = in.Get<double>();
  message.sample_blocked = in.GetBool();
  message.wait = in.GetEnum(LearnerWait::kGradients);
  message.owing_shards = in.GetVector<std::uint16_t>();
  message.owing_learners = in.GetVector<std::uint16_t>();
  message.dropped = in.GetVector<std::uint64_t>();
  message.lag_updates = in.GetVector<std::uint64_t>();
  message.silent_ms = in.GetVector<std::uint64_t>();
  if (message.dropped.size() != message.lag_updates.size() ||
      message.dropped.size() != message.silent_ms.size()) {
    in.Fail("per-host figures differ in number");
  }
  return message;
}

void StudentReport::Encode(ByteWriter& out) const {
  out.Put(static_cast<std::uint32_t>(students.size()));
  for (const auto& student : students) {
    out.Put(student.model);
    out.Put(student.updates);
    out.Put(student.version);
    out.Put(student.loss);
    out.Put(student.agreement);
    out.Put(student.label_age);
    out.Put(student.label_age_max);
    out.Put(student.stale);
    out.Put(student.relabelled);
    student.changes.Encode(out);
  }
}

StudentReport StudentReport::Decode(ByteReader& in) {
  StudentReport message;
  const auto count = in.Get<std::uint32_t>();
  if (count > in.Left() / 70) in.Fail("more students than bytes");
  message.students.resize(count);
  for (auto& student : message.students) {
    student.model = in.Get<std::uint16_t>();
    student.updates = in.Get<std::uint64_t>();
    student.version = in.Get<std::uint64_t>();
    student.loss = in.Get<double>();
    student.agreement = in.Get<double>();
    student.label_age = in.Get<double>();
    student.label_age_max = in.Get<std::uint64_t>();
    student.stale = in.Get<std::uint64_t>();
    student.relabelled = in.Get<std::uint64_t>();
    student.changes = LayerChanges::Decode(in);
  }
  return message;
}

void HostReport::Encode(ByteWriter& out) const {
  out.Put(alive);
  out.Put(restarts);
  out.Put(hangs);
}

HostReport HostReport::Decode(ByteReader& in) {
  HostReport message;
  message.alive = in.Get<std::uint32_t>();
  message.restarts = in.Get<std::uint64_t>();
  message.hangs = in.Get<std::uint64_t>();
  return message;
}

void RankReport::Encode(ByteWriter& out) const {
  out.Put(rank);
  out.PutString(roles);
  out.PutString(host);
  out.Put(pid);
  out.Put(busy);
  out.Put(rss_bytes);
}

RankReport RankReport::Decode(ByteReader& in) {
  RankReport message;
  message.rank = in.Get<std::uint32_t>();
  message.roles = in.GetString();
  message.host = in.GetString();
  message.pid = in.Get<std::uint64_t>();
  message.busy = in.Get<double>();
  message.rss_bytes = in.Get<std::uint64_t>();
  return message;
}

void Frozen::Encode(ByteWriter& out) const {
  out.Put(static_cast<std::uint32_t>(models.size()));
  for (const auto& model : models) {
    out.Put(model.model);
    out.Put(model.version);
    out.Put(model.updates);
    out.PutVector(model.parameters);
  }
}

Frozen Frozen::Decode(ByteReader& in) {
  Frozen message;
  const auto count = in.Get<std::uint32_t>();
  if (count > in.Left() / 22) in.Fail("more models than bytes");
  message.models.resize(count);
  for (auto& model : message.models) {
    model.model = in.Get<std::uint16_t>();
    model.version = in.Get<std::uint64_t>();
    model.updates = in.Get<std::uint64_t>();
    model.parameters = in.GetVector<float>();
  }
  return message;
}

void EndpointTable::Encode(ByteWriter& out) const {
  out.Put(static_cast<std::uint32_t>(addresses.size()));
  for (const auto& address : addresses) out.PutString(address);
  out.PutString(token);
}

EndpointTable EndpointTable::Decode(ByteReader& in) {
  EndpointTable message;
  const auto count = in.Get<std::uint32_t>();
  if (count > in.Left() / 4) in.Fail("more addresses than bytes");
  for (std::uint32_t i = 0; i < count; ++i) message.addresses.push_back(in.GetString());
  message.token = in.GetString();
  return message;
}

}  // namespace stillhouse
