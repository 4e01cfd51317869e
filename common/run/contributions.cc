#include "common/run/contributions.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace stillhouse {
namespace {

/// With weights of sum 1, in the order of names.
std::vector<SourceSettings> Normalised(std::vector<SourceSettings> sources) {
  double sum = 0;
  for (const auto& source : sources) sum += source.weight;
  for (auto& source : sources) source.weight /= sum > 0 ? sum : 1;
  std::sort(sources.begin(), sources.end(),
            [](const auto& a, const auto& b) { return a.model < b.model; });
  return sources;
}

bool SameSources(const std::vector<SourceSettings>& some,
                 const std::vector<SourceSettings>& others) {
  const auto one = Normalised(some), other = Normalised(others);
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](SourceSettings a, const SourceSettings& b) {
                      if (std::abs(a.weight - b.weight) > 1e-9) return false;
                      a.weight = b.weight;
                      return a == b;
                    });
}

/// Without a source what is said about labels means nothing.
bool HasNoLabels(const StudentSettings& student) {
  return student.from.empty() && student.loss.label != LabelBy::kTruth;
}

/// Everything but the name and the sources, as far as it means anything for both.
bool SameOtherwise(StudentSettings one, const StudentSettings& other) {
  one.name = other.name;
  one.from = other.from;
  if (HasNoLabels(other)) {
    one.loss = other.loss;
    one.rows = other.rows;
    one.label_source = other.label_source;
    one.max_label_age = other.max_label_age;
    one.on_stale = other.on_stale;
    one.labels = other.labels;
    if (one.rewards && other.rewards) one.rewards->lambda = other.rewards->lambda;
  }
  return one == other;
}

/// The source without which `student` would be `without`.
std::optional<std::string> LeftOut(const StudentSettings& student, const StudentSettings& without) {
  if (student.from.size() != without.from.size() + 1) return std::nullopt;
  for (std::size_t i = 0; i < student.from.size(); ++i) {
    auto rest = student.from;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    if (SameSources(rest, without.from)) return student.from[i].model;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Ablation> FindAblations(const std::vector<StudentSettings>& students) {
  std::vector<Ablation> found;
  for (std::size_t s = 0; s < students.size(); ++s) {
    for (std::size_t w = 0; w < students.size(); ++w) {
      if (!SameOtherwise(students[s], students[w])) continue;
      if (auto source = LeftOut(students[s], students[w])) {
        found.push_back({s, w, std::move(*source)});
      }
    }
  }
  return found;
}

}  // namespace stillhouse
