#include "replay/priority.h"

#include <algorithm>
#include <cmath>

namespace stillhouse::replay {

double Priority(double td_error, double alpha, double epsilon) {
  return std::pow(std::abs(td_error) + epsilon, alpha);
}

std::vector<double> ImportanceWeights(std::span<const double> probabilities, double store_size,
                                      double beta, double least) {
  std::vector<double> weights(probabilities.size());
  double most = least > 0 ? std::pow(store_size * least, -beta) : 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = std::pow(store_size * probabilities[i], -beta);
    if (least <= 0) most = std::max(most, weights[i]);
  }
  for (double& weight : weights) weight /= most;
  return weights;
}

}  // namespace stillhouse::replay
