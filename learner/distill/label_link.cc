#include "learner/distill/label_link.h"

#include <algorithm>

#include "common/base/action_mask.h"
#include "common/base/error.h"

namespace stillhouse::learner {

RowParts PartsByContext(std::span<const LabelLink> links, std::span<const std::uint8_t> contexts) {
  RowParts parts;
  const bool somewhere = std::any_of(links.begin(), links.end(),
                                     [](const LabelLink& link) { return link.where.has_value(); });
  if (!somewhere) return parts;
  parts.of_link.assign(links.size(), std::vector<float>(contexts.size(), 0.0F));
  parts.labelled.assign(contexts.size(), 0.0F);
  for (std::size_t row = 0; row < contexts.size(); ++row) {
    const auto labels = [&](const LabelLink& link) {
      return !link.where || *link.where == contexts[row];
    };
    double sum = 0;
    for (const LabelLink& link : links) sum += labels(link) ? link.weight : 0;
    if (!(sum > 0)) continue;
    parts.labelled[row] = 1;
    for (std::size_t k = 0; k < links.size(); ++k) {
      if (!labels(links[k])) continue;
      parts.of_link[k][row] = static_cast<float>(links[k].weight / sum);
    }
  }
  return parts;
}

std::vector<float> MixLabelsByRow(LossKind kind, double temperature, std::size_t num_actions,
                                  std::span<const LabelShare<float>> sources, const RowParts& parts,
                                  std::span<const std::uint8_t> legal) {
  SH_CHECK(!sources.empty() && sources.size() == parts.of_link.size());
  const std::size_t values = sources[0].q.size();
  for (const LabelShare<float>& source : sources) {
    if (source.q.size() == values && values <= parts.labelled.size() * num_actions) continue;
    throw ShapeError(fmt::format("labels by rows: {} values beside {}, contexts of {} rows",
                                 source.q.size(), values, parts.labelled.size()));
  }
  std::vector<float> mixed(sources[0].q.begin(), sources[0].q.end());
  std::vector<LabelShare<float>> of_row;
  for (std::size_t row = 0; row * num_actions < values; ++row) {
    of_row.clear();
    for (std::size_t k = 0; k < sources.size(); ++k) {
      const float part = parts.of_link[k][row];
      if (part == 0) continue;
      of_row.push_back({sources[k].q.subspan(row * num_actions, num_actions), part});
    }
    if (of_row.empty()) continue;
    const auto to = mixed.begin() + static_cast<std::ptrdiff_t>(row * num_actions);
    if (of_row.size() == 1) {
      std::copy(of_row[0].q.begin(), of_row[0].q.end(), to);
      continue;
    }
    const auto label =
        MixLabels<float>(kind, temperature, num_actions, of_row, LegalOf(legal, row, num_actions));
    std::copy(label.begin(), label.end(), to);
  }
  return mixed;
}

}  // namespace stillhouse::learner
