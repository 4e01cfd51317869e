#include "learner/protocol/gradient_lead.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {
constexpr RoleAddress kSelf{RoleKind::kLearner, 0};
}

void GradientLead::Grant(std::uint64_t batches, Outbox& out) const {
  for (std::uint16_t l = 1; l < shares_.size(); ++l) {
    SendTo(out, kSelf, {RoleKind::kLearner, l}, BatchGrant{batches});
  }
}

void GradientLead::OnShare(std::uint16_t from, GradientShare share) {
  if (from >= shares_.size() || shares_[from]) {
    throw WireError(fmt::format("learner 0: a gradient of learner {} that nobody waits for", from));
  }
  if (share.rows == 0) {
    throw WireError(fmt::format("learner 0: a gradient of no rows from learner {}", from));
  }
  shares_[from] = std::move(share);
}

void GradientLead::ExpectSame() const {
  const GradientShare& own = *shares_[0];
  for (std::size_t l = 1; l < shares_.size(); ++l) {
    const GradientShare& other = *shares_[l];
    if (other.update != own.update || other.gradient.size() != own.gradient.size()) {
      throw WireError(fmt::format(
          "learner 0: learner {} sent {} values for update {}, {} for update {} expected", l,
          other.gradient.size(), other.update, own.gradient.size(), own.update));
    }
    if (other.check != own.check) {
      throw NumericError(
          fmt::format("learner {} has other parameters than learner 0 after {} updates: the same "
                      "program on unlike processors rounds differently; start learners on hosts "
                      "of one kind",
                      l, own.update));
    }
  }
}

std::optional<GradientLead::Joined> GradientLead::Join(std::uint64_t update, Outbox& out) {
  const bool all = std::all_of(shares_.begin(), shares_.end(),
                               [](const auto& share) { return share.has_value(); });
  if (!all) return std::nullopt;
  SH_CHECK(shares_[0]->update == update, "gradients of update {} at {}", shares_[0]->update,
           update);
  ExpectSame();
  Joined joined;
  for (const auto& share : shares_) joined.rows += share->rows;
  GradientMean mean{update, std::vector<float>(shares_[0]->gradient.size(), 0)};
  for (const auto& share : shares_) {
    const double weight = static_cast<double>(share->rows) / static_cast<double>(joined.rows);
    joined.loss += weight * share->loss;
    joined.q_mean += weight * share->q_mean;
    const auto factor = static_cast<float>(weight);
    for (std::size_t i = 0; i < mean.gradient.size(); ++i) {
      mean.gradient[i] += factor * share->gradient[i];
    }
  }
  for (auto& share : shares_) share.reset();
  for (std::uint16_t l = 1; l < shares_.size(); ++l) {
    SendTo(out, kSelf, {RoleKind::kLearner, l}, mean);
  }
  joined.gradient = std::move(mean.gradient);
  return joined;
}

std::vector<std::uint16_t> GradientLead::Missing() const {
  std::vector<std::uint16_t> missing;
  for (std::uint16_t l = 0; l < shares_.size(); ++l) {
    if (!shares_[l]) missing.push_back(l);
  }
  return missing;
}

}  // namespace stillhouse::learner
