#include "common/config/model_graph.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

constexpr std::size_t kUnreached = std::numeric_limits<std::size_t>::max();

/// Of the model of this name; a name that no student has is the teacher's.
std::uint16_t NumberOf(const RunConfig& config, const std::string& name) {
  const auto& students = config.students;
  const auto found = std::find_if(students.begin(), students.end(),
                                  [&](const auto& student) { return student.name == name; });
  return found == students.end() ? std::uint16_t{0}
                                 : static_cast<std::uint16_t>(found - students.begin() + 1);
}

}  // namespace

std::uint16_t ActingModel(const RunConfig& config) {
  return NumberOf(config, config.actors.policy);
}

std::optional<std::uint16_t> GuestModel(const RunConfig& config) {
  if (config.actors.mix.model == "none") return std::nullopt;
  return NumberOf(config, config.actors.mix.model);
}

ModelGraph ModelGraph::Of(const RunConfig& config) {
  ModelGraph graph;
  graph.models_.push_back({"teacher", true});
  for (const StudentSettings& student : config.students) {
    graph.models_.push_back({student.name, student.rewards.has_value(), LearnsFromTruth(student),
                             student.frozen,
                             student.rewards ? student.rewards->where : std::string()});
  }
  for (std::size_t s = 0; s < config.students.size(); ++s) {
    double sum = 0;
    for (const SourceSettings& source : config.students[s].from) sum += source.weight;
    for (const SourceSettings& source : config.students[s].from) {
      const auto found =
          std::find_if(graph.models_.begin(), graph.models_.end(),
                       [&](const Model& model) { return model.name == source.model; });
      SH_CHECK(found != graph.models_.end(), "{} learns from '{}', which does not exist",
               config.students[s].name, source.model);
      graph.models_[s + 1].from.push_back({static_cast<std::size_t>(found - graph.models_.begin()),
                                           source.weight / sum, source.where});
    }
  }
  return graph;
}

// Breadth first from the models that learn from rewards; kUnreached: none is behind it.
std::vector<std::size_t> ModelGraph::Depths() const {
  std::vector<std::size_t> depths(models_.size(), kUnreached);
  for (std::size_t m = 0; m < models_.size(); ++m) {
    if (models_[m].Grounded() && models_[m].from.empty()) depths[m] = 0;
  }
  const auto reach = [&] {
    for (std::size_t round = 0; round < models_.size(); ++round) {
      for (std::size_t m = 0; m < models_.size(); ++m) {
        if (depths[m] != kUnreached) continue;
        std::size_t nearest = kUnreached;
        for (const Source& source : models_[m].from) {
          nearest = std::min(nearest, depths[source.model]);
        }
        if (nearest == round) depths[m] = round + 1;
      }
    }
  };
  reach();
  // A mutual pair has only its rewards, or the truth.
  for (std::size_t m = 0; m < models_.size(); ++m) {
    if (depths[m] == kUnreached && models_[m].Grounded()) depths[m] = 1;
  }
  reach();
  return depths;
}

std::vector<std::size_t> ModelGraph::Ungrounded() const {
  std::vector<bool> grounded;
  for (const Model& model : models_) grounded.push_back(model.Grounded());
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t m = 0; m < models_.size(); ++m) {
      const bool now = std::any_of(models_[m].from.begin(), models_[m].from.end(),
                                   [&](const Source& source) { return grounded[source.model]; });
      if (grounded[m] || !now) continue;
      grounded[m] = changed = true;
    }
  }
  std::vector<std::size_t> floating;
  for (std::size_t m = 0; m < models_.size(); ++m) {
    if (!grounded[m]) floating.push_back(m);
  }
  return floating;
}

std::vector<std::vector<std::size_t>> ModelGraph::HostGroups() const {
  std::vector<std::size_t> group(models_.size());
  for (std::size_t m = 0; m < models_.size(); ++m) group[m] = m;
  const auto root = [&](std::size_t model) {
    while (group[model] != model) model = group[model];
    return model;
  };
  for (std::size_t m = 1; m < models_.size(); ++m) {
    for (const Source& source : models_[m].from) {
      if (source.model == 0) continue;
      const std::size_t a = root(m), b = root(source.model);
      group[std::max(a, b)] = std::min(a, b);
    }
  }
  std::vector<std::vector<std::size_t>> groups;
  std::vector<std::size_t> place(models_.size(), kUnreached);
  for (std::size_t m = 1; m < models_.size(); ++m) {
    const std::size_t first = root(m);
    if (place[first] == kUnreached) {
      place[first] = groups.size();
      groups.emplace_back();
    }
    groups[place[first]].push_back(m - 1);
  }
  return groups;
}

std::vector<std::size_t> ModelGraph::CycleThrough(std::size_t model) const {
  std::vector<std::size_t> came_from(models_.size(), kUnreached);
  std::vector<std::size_t> todo = {model};
  for (std::size_t next = 0; next < todo.size(); ++next) {
    for (const Source& source : models_[todo[next]].from) {
      if (came_from[source.model] != kUnreached) continue;
      came_from[source.model] = todo[next];
      todo.push_back(source.model);
    }
  }
  std::vector<std::size_t> cycle;
  if (came_from[model] == kUnreached) return cycle;
  for (std::size_t at = came_from[model]; at != model; at = came_from[at]) cycle.push_back(at);
  std::reverse(cycle.begin(), cycle.end());
  cycle.push_back(model);
  return cycle;
}

std::string ModelGraph::Draw() const {
  const auto depths = Depths();
  const auto indent = [&](std::size_t m) { return 2 * std::min<std::size_t>(depths[m], 20); };
  std::vector<std::size_t> order(models_.size());
  std::size_t width = 0;
  for (std::size_t m = 0; m < models_.size(); ++m) {
    order[m] = m;
    width = std::max(width, indent(m) + models_[m].name.size());
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return depths[a] < depths[b]; });
  std::string text;
  for (const std::size_t m : order) {
    std::string sources;
    for (const Source& source : models_[m].from) {
      sources += sources.empty() ? "" : " + ";
      if (models_[m].from.size() > 1) sources += fmt::format("{:.3g} ", source.weight);
      sources += models_[source.model].name;
      if (!source.where.empty()) sources += " where " + source.where;
    }
    if (models_[m].rewards) sources += sources.empty() ? "rewards" : " + rewards";
    if (!models_[m].rewards_where.empty()) sources += " where " + models_[m].rewards_where;
    if (models_[m].truth) sources += sources.empty() ? "truth" : " + truth";
    if (models_[m].frozen) sources += "nobody: frozen";
    text += fmt::format("{:<{}} <- {}\n", std::string(indent(m), ' ') + models_[m].name, width,
                        sources);
  }
  return text;
}

bool LearnsFromTruth(const StudentSettings& student) {
  const DistillLossSettings& loss = student.loss;
  const bool in_kind = (loss.kind == LossKind::kNll || loss.kind == LossKind::kDkd) &&
                       loss.soft_weight.Greatest() > 0;
  return loss.label == LabelBy::kTruth && (in_kind || loss.hard_weight.Greatest() > 0);
}

bool LearnsFromTeacher(const StudentSettings& student) {
  return std::any_of(student.from.begin(), student.from.end(),
                     [](const SourceSettings& source) { return source.model == "teacher"; });
}

bool NeedsTeachersCopy(const StudentSettings& student) {
  const bool relabels = student.max_label_age > 0 && student.on_stale == StaleLabels::kRelabel;
  return LearnsFromTeacher(student) && (student.labels == LabelPlace::kLocal || relabels);
}

}  // namespace stillhouse
