#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/field.h"
#include "common/config/run_config.h"

// The list of every key: it loads, checks, prints and documents. Defaults are those of
// run_config.h.

namespace stillhouse {

FieldList<RunConfig> RunFields();
/// Keys of one entry of `students:`.
FieldList<StudentSettings> StudentFields();

// Parts of the above, split by file.
FieldList<TeacherSettings> TeacherFields();
FieldList<StopSettings> StopFields();
FieldList<RewardSettings> RewardFields();
Field<RunConfig> TeachersField();
FieldList<EnvironmentSettings> SeveralGamesFields();
FieldList<DistillLossSettings> DistillLossFields();
FieldList<FeatureSettings> FeatureFields();
/// What the configuration calls a layer, as "conv2d"; empty: it has no word for it.
std::string_view LayerWord(LayerKind kind);
Field<RunConfig> StudentsField();
Field<StudentSettings> FromField();
Field<StudentSettings> MaxLabelAgeField();
Field<StudentSettings> RewardsField();

/// `network.layers` of a model.
template <typename S>
Field<S> LayersField(std::vector<LayerSpec> S::*member, std::string doc);

/// Layers from YAML: `relu`, `{linear: 64}`, `{conv2d: {...}}`. Reports every unknown layer or key.
std::vector<LayerSpec> ReadLayers(const FieldInput& in);
/// "[{linear: 64}, relu, {q_head: {dueling: true}}]"
std::string PrintLayers(const std::vector<LayerSpec>& layers);

/// A layer and its options, for documentation and `stillhouse list networks`.
struct LayerOption {
  std::string name;
  std::string allowed;
  std::string fallback;  ///< the default, or "required"
  std::string doc;
};
struct LayerDoc {
  std::string name;
  std::string doc;
  std::vector<LayerOption> options;
};
std::vector<LayerDoc> LayerDocs();

template <typename S>
Field<S> LayersField(std::vector<LayerSpec> S::*member, std::string doc) {
  return {"network.layers",
          "list of layers",
          std::move(doc),
          [=](const FieldInput& in, S& out) { out.*member = ReadLayers(in); },
          [=](const S& in) { return PrintLayers(in.*member); },
          {},
          {}};
}

/// True for a name usable as a directory: letters, digits, '.', '_', '-', at most 100, and not
/// beginning with a dot.
bool IsPlainName(const std::string& name);

}  // namespace stillhouse
