#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/run_config.h"

namespace stillhouse {

/// Number of the model that acts (actors.policy).
std::uint16_t ActingModel(const RunConfig& config);
/// Number of the model that acts in the other episodes (actors.mix.model).
std::optional<std::uint16_t> GuestModel(const RunConfig& config);

/// Who learns from whom: the models of a run with their sources. Model 0 is the teacher, k the k-th
/// student, as everywhere.
class ModelGraph {
 public:
  struct Source {
    std::size_t model = 0;
    double weight = 0;    ///< of all sources of one model: sum 1
    std::string where{};  ///< context whose rows alone it labels; empty: every row
  };
  struct Model {
    std::string name;
    bool rewards = false;
    bool truth = false;           ///< learns from a data set's labels
    bool frozen = false;          ///< has learnt already
    std::string rewards_where{};  ///< context whose rewards alone it learns from
    std::vector<Source> from{};
    /// Something behind it is real.
    bool Grounded() const { return rewards || truth || frozen; }
  };

  /// Every name under `from` must be a model's (CheckGraph says so to users): SH_CHECK.
  static ModelGraph Of(const RunConfig& config);

  const std::vector<Model>& Models() const { return models_; }

  /// Models that learn from nothing real: neither from rewards or the truth nor, over any number of
  /// steps, from a model that does. They would only repeat each other's first guesses.
  std::vector<std::size_t> Ungrounded() const;

  /// Students (indices into config.students) that label for one another, directly or not, share a
  /// host. In the order of their first members; a student without such edges is alone.
  std::vector<std::vector<std::size_t>> HostGroups() const;

  /// A way along `from` that leads from the model back to itself; empty when there is none.
  std::vector<std::size_t> CycleThrough(std::size_t model) const;

  /// For people, one line a model: "    tiny   <- 0.7 teacher + 0.3 second + rewards", indented by
  /// the steps from rewards.
  std::string Draw() const;

 private:
  std::vector<std::size_t> Depths() const;

  std::vector<Model> models_;
};

/// Some part of its loss is about what the data set says.
bool LearnsFromTruth(const StudentSettings& student);

/// The teacher that plays is among the models that the student learns from.
bool LearnsFromTeacher(const StudentSettings& student);
/// Its host labels by a copy of the teacher, always or where the labels that came are too old.
bool NeedsTeachersCopy(const StudentSettings& student);

}  // namespace stillhouse
