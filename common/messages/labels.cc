#include "common/messages/labels.h"

#include <algorithm>

namespace stillhouse {

const OtherLabels* LabelledBatch::Others(LabelChoice choice) const {
  const auto found = std::find_if(others.begin(), others.end(), [choice](const OtherLabels& other) {
    return other.choice == choice;
  });
  return found != others.end() ? &*found : nullptr;
}

const TeacherFeatures* LabelledBatch::FeaturesOf(std::size_t layer) const {
  const auto found = std::find_if(features.begin(), features.end(),
                                  [layer](const auto& of) { return of.layer == layer; });
  return found != features.end() ? &*found : nullptr;
}

void LabelledBatch::Encode(ByteWriter& out) const {
  out.Put(learner);
  out.Put(sequence);
  out.Put(source);
  out.Put(version);
  out.Put(teacher_updates);
  out.Put(static_cast<std::uint8_t>(frozen));
  out.Put(batch);
  out.Put(rows);
  out.Put(num_actions);
  out.PutArray(std::span(weights));
  out.PutArray(std::span(labels));
  out.PutVector(truths);
  out.Put(static_cast<std::uint8_t>(others.size()));
  for (const OtherLabels& other : others) {
    out.Put(other.choice);
    out.Put(other.teacher_updates);
    out.PutArray(std::span(other.labels));
  }
  out.Put(static_cast<std::uint8_t>(features.size()));
  for (const TeacherFeatures& of : features) {
    out.Put(of.layer);
    out.PutVector(of.values);
  }
  out.PutVector(shared);
  out.Put(static_cast<std::uint8_t>(actions.empty() ? 0 : 1));
  out.PutArray(std::span(actions));
  out.PutArray(std::span(rewards));
  out.PutArray(std::span(discounts));
  out.PutVector(observations);
}

LabelledBatch LabelledBatch::Decode(ByteReader& in) {
  LabelledBatch message;
  message.learner = in.Get<std::uint16_t>();
  message.sequence = in.Get<std::uint64_t>();
  message.source = in.Get<std::uint16_t>();
  message.version = in.Get<std::uint64_t>();
  message.teacher_updates = in.Get<std::uint64_t>();
  message.frozen = in.GetBool();
  message.batch = in.Get<std::uint32_t>();
  message.rows = in.Get<std::uint32_t>();
  message.num_actions = in.Get<std::uint32_t>();
  const std::uint64_t rows = message.rows;
  if (message.batch == 0 || (rows != message.batch && rows != 2ULL * message.batch)) {
    in.Fail("rows must be once or twice the batch");
  }
  message.weights = in.GetArray<float>(message.batch);
  message.labels = in.GetArray<float>(rows * message.num_actions);
  message.truths = in.GetVector<std::int32_t>();
  if (!message.truths.empty() && message.truths.size() != message.batch) {
    in.Fail("truths do not fit the batch");
  }
  for (const std::int32_t truth : message.truths) {
    if (truth < 0 || static_cast<std::uint32_t>(truth) >= message.num_actions) {
      in.Fail("a truth is none of the actions");
    }
  }
  for (auto left = in.Get<std::uint8_t>(); left > 0; --left) {
    OtherLabels other;
    other.choice = in.GetEnum(kLastLabelChoice);
    other.teacher_updates = in.Get<std::uint64_t>();
    other.labels = in.GetArray<float>(rows * message.num_actions);
    message.others.push_back(std::move(other));
  }
  for (auto left = in.Get<std::uint8_t>(); left > 0; --left) {
    TeacherFeatures of;
    of.layer = in.Get<std::uint16_t>();
    of.values = in.GetVector<float>();
    if (of.values.empty() || of.values.size() % message.batch != 0) {
      in.Fail("features do not fit the batch");
    }
    message.features.push_back(std::move(of));
  }
  message.shared = in.GetVector<float>();
  if (in.GetBool()) {
    message.actions = in.GetArray<std::int32_t>(message.batch);
    message.rewards = in.GetArray<float>(message.batch);
    message.discounts = in.GetArray<float>(message.batch);
  }
  message.observations = in.GetVector<std::uint8_t>();
  if (message.observations.empty() || message.observations.size() % rows != 0) {
    in.Fail("observations do not fit the rows");
  }
  return message;
}

void Credit::Encode(ByteWriter& out) const {
  out.Put(credits);
  out.Put(consumed_sequence);
  out.Put(consumed_teacher_updates);
}

Credit Credit::Decode(ByteReader& in) {
  Credit message;
  message.credits = in.Get<std::uint32_t>();
  message.consumed_sequence = in.Get<std::uint64_t>();
  message.consumed_teacher_updates = in.Get<std::uint64_t>();
  return message;
}

void WeightsPublish::Encode(ByteWriter& out) const {
  out.Put(model);
  out.Put(version);
  out.Put(pin);
  out.PutVector(parameters);
  out.Put(updates);
}

WeightsPublish WeightsPublish::Decode(ByteReader& in) {
  WeightsPublish message;
  message.model = in.Get<std::uint16_t>();
  message.version = in.Get<std::uint64_t>();
  message.pin = in.Get<std::uint32_t>();
  message.parameters = in.GetVector<float>();
  message.updates = in.Get<std::uint64_t>();
  return message;
}

}  // namespace stillhouse
