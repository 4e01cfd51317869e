#include "actors/model_catalog.h"

#include <algorithm>

#include "common/base/error.h"

namespace stillhouse::actors {

ModelCatalog::ModelCatalog(const RunConfig& config, const EnvironmentSpec& environment) {
  const auto add = [&](const std::vector<LayerSpec>& layers, const DistillLossSettings& loss) {
    specs_.push_back(NetworkSpec::Create(layers, environment.observation, environment.num_actions));
    losses_.push_back(loss);
  };
  add(config.teacher.network, {});
  for (const auto& student : config.students) add(student.network, student.loss);
}

ModelCatalog::Presence ModelCatalog::Find(const ModelVersion& version) const {
  const auto found = loaded_.find({version.model, version.version});
  if (found == loaded_.end()) return Presence::kUnknown;
  return found->second ? Presence::kLoaded : Presence::kGone;
}

void ModelCatalog::Load(std::uint16_t model, std::uint64_t version, std::span<const float> values) {
  auto& place = loaded_[{model, version}];
  place.reset();
  if (values.empty()) return;
  auto network = std::make_shared<NativeNetwork>(Spec(model));
  network->SetParameters(values);
  place = std::move(network);
}

void ModelCatalog::Keep(const std::set<Key>& needed) {
  std::erase_if(loaded_, [&](const auto& entry) { return !needed.contains(entry.first); });
}

EvaluationModel ModelCatalog::Get(const ModelVersion& version) const {
  const auto found = loaded_.find({version.model, version.version});
  SH_CHECK(found != loaded_.end() && found->second, "model {} version {} is not here",
           version.model, version.version);
  const DistillLossSettings& loss = losses_.at(version.model);
  return {found->second, loss.temperature.to, loss.temper == Temper::kBoth};
}

EvaluationModels ModelCatalog::For(const EvaluationTask& task) const {
  EvaluationModels models;
  if (task.player.model != kRandomModel) models.player = Get(task.player);
  if (!task.compare.empty()) models.reference = Get(task.reference);
  for (const auto& version : task.compare) models.compare.push_back(Get(version));
  return models;
}

std::vector<ModelVersion> ModelCatalog::Needed(const EvaluationTask& task) {
  std::vector<ModelVersion> needed;
  const auto add = [&](const ModelVersion& version) {
    const bool known = std::any_of(needed.begin(), needed.end(), [&](const ModelVersion& other) {
      return other.model == version.model && other.version == version.version;
    });
    if (!known) needed.push_back(version);
  };
  if (task.player.model != kRandomModel) add(task.player);
  if (!task.compare.empty()) add(task.reference);
  for (const auto& version : task.compare) add(version);
  return needed;
}

}  // namespace stillhouse::actors
