#include "learner/distill/shuffle.h"

#include <numeric>
#include <utility>
#include <vector>

#include "common/base/rng.h"

namespace stillhouse::learner {
namespace {

/// Which row's label each row gets, s' after s (Fisher and Yates).
std::vector<std::size_t> OrderOf(const LabelledBatch& batch) {
  Rng rng(batch.sequence, batch.learner);
  std::vector<std::size_t> order(batch.rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t first = 0; first < batch.rows; first += batch.batch) {
    for (std::size_t left = batch.batch; left > 1; --left) {
      std::swap(order[first + left - 1], order[first + rng.Below(left)]);
    }
  }
  return order;
}

template <typename T>
std::vector<T> Reordered(const std::vector<T>& values, const std::vector<std::size_t>& order,
                         std::size_t width) {
  std::vector<T> result;
  result.reserve(values.size());
  for (std::size_t row = 0; row * width < values.size(); ++row) {
    const auto from = values.begin() + static_cast<std::ptrdiff_t>(order[row] * width);
    result.insert(result.end(), from, from + static_cast<std::ptrdiff_t>(width));
  }
  return result;
}

}  // namespace

LabelledBatch WithShuffledLabels(LabelledBatch batch) {
  const auto order = OrderOf(batch);
  batch.labels = Reordered(batch.labels, order, batch.num_actions);
  for (OtherLabels& other : batch.others) {
    other.labels = Reordered(other.labels, order, batch.num_actions);
  }
  batch.truths = Reordered(batch.truths, order, 1);
  return batch;
}

}  // namespace stillhouse::learner
