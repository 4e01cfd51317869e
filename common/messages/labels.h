#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/label_choice.h"
#include "common/messages/envelope.h"

namespace stillhouse {

/// Labels of the same rows by other parameters of the same teacher.
struct OtherLabels {
  LabelChoice choice = LabelChoice::kAverage;
  std::uint64_t teacher_updates = 0;  ///< of the teacher when these parameters were its newest
  std::vector<float> labels{};        ///< [rows, num_actions] raw Q-values
};

/// What a layer of the teacher made of the states s, by the parameters that labelled.
struct TeacherFeatures {
  std::uint16_t layer = 0;      ///< index into the teacher's NetworkSpec::Layers()
  std::vector<float> values{};  ///< [batch, size], as the layer hands them on
};

/// Learner -> student host: a teacher batch with the teacher's Q-values as labels. The first
/// `batch` rows are the states s of the TD batch, a second `batch` rows (when `rows` is twice
/// `batch`) are the next states s'. Sent once a host, read by every student there.
struct LabelledBatch {
  static constexpr MessageKind kKind = MessageKind::kLabelledBatch;
  std::uint16_t learner = 0;
  std::uint64_t sequence = 0;         ///< (learner, sequence) is the batch's id
  std::uint16_t source = 0;           ///< the model whose labels these are; 0 the teacher
  std::uint64_t version = 0;          ///< its newest publication then
  std::uint64_t teacher_updates = 0;  ///< age of the labels: the teacher's updates when it labelled
  bool frozen = false;                ///< labels of the frozen teacher (the tail)
  std::uint32_t batch = 0;
  std::uint32_t rows = 0;  ///< batch or 2 * batch
  std::uint32_t num_actions = 0;
  std::vector<float> weights{};  ///< [batch] importance weights
  std::vector<float> labels{};   ///< [rows, num_actions] raw Q-values
  /// [batch] the right action in s, where the experience says it: a data set's label. Empty: not
  /// known.
  std::vector<std::int32_t> truths{};
  std::vector<OtherLabels> others{};        ///< as students asked for; none from the frozen teacher
  std::vector<TeacherFeatures> features{};  ///< as students asked for
  /// The first of the teacher's parameters, as many as some student shares with it.
  std::vector<float> shared{};
  // For students that learn from rewards, else empty: [batch], as in replay::Batch.
  std::vector<std::int32_t> actions{};
  std::vector<float> rewards{};
  std::vector<float> discounts{};
  std::vector<std::uint8_t> observations{};  ///< packed, rows x PackedBytes
  /// The labels by these parameters beside `labels`; null: there are none.
  const OtherLabels* Others(LabelChoice choice) const;
  /// Of that layer; null: there are none.
  const TeacherFeatures* FeaturesOf(std::size_t layer) const;
  std::size_t SizeHint() const {
    std::size_t values = weights.size() + labels.size() * (1 + others.size()) + truths.size() +
                         shared.size() + 3 * actions.size();
    for (const TeacherFeatures& of : features) values += 2 + of.values.size();
    return 100 + observations.size() + 4 * values;
  }
  void Encode(ByteWriter& out) const;
  static LabelledBatch Decode(ByteReader& in);
};

/// Student host -> learner: so many more batches may be sent. A host that stops returning
/// credits is skipped, batch by batch, and the skips are counted.
struct Credit {
  static constexpr MessageKind kKind = MessageKind::kCredit;
  std::uint32_t credits = 0;
  std::uint64_t consumed_sequence = 0;  ///< newest batch trained on
  std::uint64_t consumed_teacher_updates = 0;
  std::size_t SizeHint() const { return 24; }
  void Encode(ByteWriter& out) const;
  static Credit Decode(ByteReader& in);
};

/// Learner or student host -> every shard: a model's parameters. `pin` != 0 keeps this version
/// until the evaluation round of that number is released. The learner's also go to those student
/// hosts that label with a copy of the teacher.
struct WeightsPublish {
  static constexpr MessageKind kKind = MessageKind::kWeightsPublish;
  std::uint16_t model = 0;  ///< 0 the teacher, 1.. the students in the configuration's order
  std::uint64_t version = 0;
  std::uint32_t pin = 0;
  std::vector<float> parameters;  ///< flat, in the NetworkSpec's order
  std::uint64_t updates = 0;      ///< of the model then
  std::size_t SizeHint() const { return 40 + parameters.size() * 4; }
  void Encode(ByteWriter& out) const;
  static WeightsPublish Decode(ByteReader& in);
};

}  // namespace stillhouse
