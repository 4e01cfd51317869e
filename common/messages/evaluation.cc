#include "common/messages/evaluation.h"

namespace stillhouse {
namespace {

void EncodeVersion(ByteWriter& out, const ModelVersion& model) {
  out.Put(model.model);
  out.Put(model.version);
  out.Put(model.updates);
}

ModelVersion DecodeVersion(ByteReader& in) {
  ModelVersion model;
  model.model = in.Get<std::uint16_t>();
  model.version = in.Get<std::uint64_t>();
  model.updates = in.Get<std::uint64_t>();
  return model;
}

void EncodeVersions(ByteWriter& out, const std::vector<ModelVersion>& models) {
  out.Put(static_cast<std::uint32_t>(models.size()));
  for (const auto& model : models) EncodeVersion(out, model);
}

std::vector<ModelVersion> DecodeVersions(ByteReader& in) {
  const auto count = in.Get<std::uint32_t>();
  if (count > in.Left() / 18) in.Fail("more models than bytes");
  std::vector<ModelVersion> models(count);
  for (auto& model : models) model = DecodeVersion(in);
  return models;
}

}  // namespace

void Comparison::Add(const Comparison& part) {
  states += part.states;
  agreeing += part.agreeing;
  regret += part.regret;
  kl += part.kl;
  gap += part.gap;
  gap_agreeing += part.gap_agreeing;
  q_error += part.q_error;
}

void Pinned::Encode(ByteWriter& out) const {
  out.Put(round);
  EncodeVersions(out, models);
}

Pinned Pinned::Decode(ByteReader& in) {
  Pinned message;
  message.round = in.Get<std::uint32_t>();
  message.models = DecodeVersions(in);
  return message;
}

void EvaluationTask::Encode(ByteWriter& out) const {
  out.Put(task);
  out.Put(round);
  out.Put(worker);
  EncodeVersion(out, player);
  out.Put(epsilon);
  out.Put(max_steps);
  out.PutVector(seeds);
  EncodeVersion(out, reference);
  EncodeVersions(out, compare);
}

EvaluationTask EvaluationTask::Decode(ByteReader& in) {
  EvaluationTask message;
  message.task = in.Get<std::uint64_t>();
  message.round = in.Get<std::uint32_t>();
  message.worker = in.Get<std::uint64_t>();
  message.player = DecodeVersion(in);
  message.epsilon = in.Get<double>();
  message.max_steps = in.Get<std::uint32_t>();
  message.seeds = in.GetVector<std::uint64_t>();
  message.reference = DecodeVersion(in);
  message.compare = DecodeVersions(in);
  return message;
}

void EvaluationResult::Encode(ByteWriter& out) const {
  out.Put(task);
  out.Put(round);
  out.Put(player);
  out.Put(static_cast<std::uint32_t>(episodes.size()));
  for (const auto& episode : episodes) {
    out.Put(episode.seed);
    out.Put(episode.episode_return);
    out.Put(episode.length);
  }
  out.Put(static_cast<std::uint32_t>(comparisons.size()));
  for (const auto& comparison : comparisons) {
    out.Put(comparison.model);
    out.Put(comparison.states);
    out.Put(comparison.agreeing);
    for (const double sum : {comparison.regret, comparison.kl, comparison.gap,
                             comparison.gap_agreeing, comparison.q_error}) {
      out.Put(sum);
    }
  }
}

EvaluationResult EvaluationResult::Decode(ByteReader& in) {
  EvaluationResult message;
  message.task = in.Get<std::uint64_t>();
  message.round = in.Get<std::uint32_t>();
  message.player = in.Get<std::uint16_t>();
  const auto episodes = in.Get<std::uint32_t>();
  if (episodes > in.Left() / 16) in.Fail("more episodes than bytes");
  message.episodes.resize(episodes);
  for (auto& episode : message.episodes) {
    episode.seed = in.Get<std::uint64_t>();
    episode.episode_return = in.Get<float>();
    episode.length = in.Get<std::uint32_t>();
  }
  const auto comparisons = in.Get<std::uint32_t>();
  if (comparisons > in.Left() / Comparison::kBytes) in.Fail("more comparisons than bytes");
  message.comparisons.resize(comparisons);
  for (auto& comparison : message.comparisons) {
    comparison.model = in.Get<std::uint16_t>();
    comparison.states = in.Get<std::uint64_t>();
    comparison.agreeing = in.Get<std::uint64_t>();
    for (double* sum : {&comparison.regret, &comparison.kl, &comparison.gap,
                        &comparison.gap_agreeing, &comparison.q_error}) {
      *sum = in.Get<double>();
    }
  }
  return message;
}

}  // namespace stillhouse
