#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace stillhouse::testing {

/// Upper regularised incomplete gamma function Q(a, x): series below a + 1, continued fraction
/// above (Press et al., Numerical Recipes, section 6.2).
inline double UpperGamma(double a, double x) {
  const double scale = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a;
    double sum = term;
    for (double n = a + 1; term > sum * 1e-16; ++n) sum += term *= x / n;
    return 1 - sum * scale;
  }
  double b = x + 1 - a;
  double c = 1e300;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < 100000; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return scale * h;
}

/// p of Pearson's test that `counts` are draws from `probabilities` (which sum to 1).
inline double ChiSquaredP(const std::vector<std::uint64_t>& counts,
                          const std::vector<double>& probabilities) {
  double draws = 0;
  for (const std::uint64_t count : counts) draws += static_cast<double>(count);
  double statistic = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = draws * probabilities[i];
    const double off = static_cast<double>(counts[i]) - expected;
    statistic += off * off / expected;
  }
  return UpperGamma(static_cast<double>(counts.size() - 1) / 2, statistic / 2);
}

}  // namespace stillhouse::testing
