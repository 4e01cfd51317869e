#include "learner/distill/label_mix.h"

#include "common/base/error.h"
#include "learner/distill/many_models.h"
#include "learner/distill/output_losses.h"

namespace stillhouse::learner {

template <typename T>
std::vector<T> MixLabels(LossKind kind, double temperature, std::size_t num_actions,
                         std::span<const LabelShare<T>> sources,
                         std::span<const std::uint8_t> legal) {
  SH_CHECK(!sources.empty());
  std::vector<T> stacked, weights;
  for (const LabelShare<T>& source : sources) {
    if (source.q.size() != sources[0].q.size()) {
      throw ShapeError(fmt::format("labels of several sources: {} values beside {}",
                                   source.q.size(), sources[0].q.size()));
    }
    stacked.insert(stacked.end(), source.q.begin(), source.q.end());
    weights.push_back(static_cast<T>(source.weight));
  }
  const OutputLossEntry& loss = EntryOf(kind);
  if (loss.measures != OutputLossClass::kRegression) {
    const T tau = loss.tempered ? static_cast<T>(temperature) : T{1};
    return MixTeachers<T>(num_actions, stacked, sources.size(), weights, tau, legal);
  }
  std::vector<T> mean(sources[0].q.size(), 0);
  for (const LabelShare<T>& source : sources) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] += static_cast<T>(source.weight * static_cast<double>(source.q[i]));
    }
  }
  return mean;
}

template std::vector<float> MixLabels(LossKind, double, std::size_t,
                                      std::span<const LabelShare<float>>,
                                      std::span<const std::uint8_t>);
template std::vector<double> MixLabels(LossKind, double, std::size_t,
                                       std::span<const LabelShare<double>>,
                                       std::span<const std::uint8_t>);

}  // namespace stillhouse::learner
