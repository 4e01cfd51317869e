#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "learner/distill/label_mix.h"

namespace stillhouse::learner {

/// One source of a student's labels: the teacher, whose labels come with the batch, or another
/// student of this host, whose outputs are computed here.
struct LabelLink {
  std::optional<std::size_t> student{};  ///< of this host; none: the teacher
  double weight = 1;                     ///< of all links of a student: sum 1
  std::optional<std::uint8_t> where{};   ///< context whose rows alone it labels; none: every row
};

/// Which source labels which row. Only where one of them has `where`; else there are no parts.
struct RowParts {
  /// [links][rows]: the link's part of the row's label, of sum 1 over the links that label it, 0
  /// for all of them where none does.
  std::vector<std::vector<float>> of_link{};
  std::vector<float> labelled{};  ///< [rows] 1 where somebody labels it, else 0

  bool Empty() const { return of_link.empty(); }
};

/// contexts: [rows], empty where the environment has none (no link has `where` then).
RowParts PartsByContext(std::span<const LabelLink> links, std::span<const std::uint8_t> contexts);

/// The label of every row, [rows, A]: each row's as MixLabels has it, of the sources that label
/// that row; a row that nobody labels has the first source's, with which nothing is to be done.
/// Sources in the order of the links. Throws ShapeError when the sizes do not fit.
std::vector<float> MixLabelsByRow(LossKind kind, double temperature, std::size_t num_actions,
                                  std::span<const LabelShare<float>> sources, const RowParts& parts,
                                  std::span<const std::uint8_t> legal);

/// `values` [rows, width] without the rows whose flag is 0. Flags [rows], or empty: all stay.
template <typename T>
std::vector<T> RowsWith(std::span<const T> values, std::span<const float> flags,
                        std::size_t width) {
  std::vector<T> kept;
  for (std::size_t at = 0, row = 0; at < values.size(); at += width, ++row) {
    if (!flags.empty() && flags[row] == 0) continue;
    const auto of_row = values.subspan(at, width);
    kept.insert(kept.end(), of_row.begin(), of_row.end());
  }
  return kept;
}

}  // namespace stillhouse::learner
