#pragma once

#include <cstdint>
#include <vector>

#include "common/messages/envelope.h"

namespace stillhouse {

// Between the learners of one teacher: synchronous data-parallel learning. Learner 0 leads.

/// Learner 0 -> the others: batches of their own that they may have drawn in all (cumulative).
struct BatchGrant {
  static constexpr MessageKind kKind = MessageKind::kBatchGrant;
  std::uint64_t batches = 0;
  std::size_t SizeHint() const { return 8; }
  void Encode(ByteWriter& out) const { out.Put(batches); }
  static BatchGrant Decode(ByteReader& in) { return {in.Get<std::uint64_t>()}; }
};

/// Another learner -> learner 0: the gradient of its own batch.
struct GradientShare {
  static constexpr MessageKind kKind = MessageKind::kGradientShare;
  std::uint64_t update = 0;  ///< made with the parameters after so many
  std::uint32_t rows = 0;    ///< of the batch; the gradient is of their mean loss
  double loss = 0;
  double q_mean = 0;
  std::uint32_t check = 0;      ///< of the parameters, now and then; 0: not looked at
  std::vector<float> gradient;  ///< canonical order, not clipped
  std::size_t SizeHint() const { return 40 + gradient.size() * 4; }
  void Encode(ByteWriter& out) const;
  static GradientShare Decode(ByteReader& in);
};

/// Learner 0 -> the others: the mean over all rows of update `update`, along which everybody steps.
struct GradientMean {
  static constexpr MessageKind kKind = MessageKind::kGradientMean;
  std::uint64_t update = 0;
  std::vector<float> gradient;
  std::size_t SizeHint() const { return 16 + gradient.size() * 4; }
  void Encode(ByteWriter& out) const;
  static GradientMean Decode(ByteReader& in);
};

}  // namespace stillhouse
