#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/data_settings.h"
#include "common/base/tensor_spec.h"

namespace stillhouse::actors {

/// One split of a data set.
struct Examples {
  std::vector<std::uint8_t> observations;  ///< packed, [n, PackedBytes]
  std::vector<std::int32_t> labels;        ///< [n], each in [0, A): the action that pays most
  std::vector<float> rewards;              ///< [n, A]; empty: 1 for the label, 0 for all others
  std::size_t Size() const { return labels.size(); }
};

/// Examples to learn from and, apart from them, to evaluate with. Immutable once loaded; the
/// environments of a process share it. Neither split is empty.
struct DataSet {
  EnvironmentSpec spec;
  Examples train, test;
};

// What each environment id reads. All throw ConfigError, naming file and place, for a file that is
// missing, too large or breaks its format, for classes that do not exist, and for a split without
// examples.

/// The digits that are built in: 1079 and 359 of 8 x 8 pixels, ten classes. Observations are unit
/// bytes [1, rows, columns].
std::shared_ptr<const DataSet> LoadDigits(const DataSettings& settings);
/// IDX images and labels. Observations as the digits'.
std::shared_ptr<const DataSet> LoadIdx(const DataSettings& settings);
/// Lines of `label<TAB>text`. Observations are floats [length]: the numbers of the text's tokens in
/// the training split's vocabulary, padded with 0.
std::shared_ptr<const DataSet> LoadText(const DataSettings& settings);
/// A table with a header. Observations are floats [features], standardised by the training split.
std::shared_ptr<const DataSet> LoadCsv(const DataSettings& settings);

}  // namespace stillhouse::actors
