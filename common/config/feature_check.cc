#include "common/config/feature_check.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/config/config_fields.h"
#include "common/config/model_graph.h"

namespace stillhouse {
namespace {

/// As the configuration calls it; a residual block is what it hands on.
std::string_view NameOf(LayerKind kind) {
  if (kind == LayerKind::kResidual) return "";
  return LayerWord(kind == LayerKind::kJoin ? LayerKind::kResidual : kind);
}

std::optional<std::size_t> Number(const std::string& text) {
  std::size_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::size_t> NamedLayer(const std::vector<LayerSpec>& layers,
                                      const std::string& name) {
  if (layers.size() < 2) return std::nullopt;
  if (name == "auto") return layers.size() - 2;
  if (const auto number = Number(name)) {
    if (*number + 1 < layers.size()) return number;
    return std::nullopt;
  }
  const std::size_t cut = name.rfind('_');
  if (cut == std::string::npos || cut == 0) return std::nullopt;
  const auto which = Number(name.substr(cut + 1));
  if (!which) return std::nullopt;
  std::size_t seen = 0;
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
    if (NameOf(layers[i].kind) != name.substr(0, cut)) continue;
    if (++seen == *which) return i;
  }
  return std::nullopt;
}

bool LearnsFeatures(const StudentSettings& student) {
  return student.features.kind != FeatureSettings::Kind::kNone &&
         student.features.weight.Greatest() > 0;
}

LayerFeatures FeaturesOf(const NetworkSpec& network, const std::string& name) {
  const auto layer = NamedLayer(network.Layers(), name);
  SH_CHECK(layer.has_value(), "layer {} of {}", name, network.ToString());
  const auto& shape = network.Shapes()[*layer];
  LayerFeatures features{*layer, static_cast<std::size_t>(shape[0]), 1};
  for (std::size_t i = 1; i < shape.size(); ++i) {
    features.positions *= static_cast<std::size_t>(shape[i]);
  }
  return features;
}

std::size_t FactorsOf(const FeatureSettings& settings, const LayerFeatures& teacher) {
  if (settings.factors > 0) return static_cast<std::size_t>(settings.factors);
  return std::max<std::size_t>(1, teacher.channels / 2);
}

std::size_t ParametersOfFirst(const NetworkSpec& network, std::size_t layers) {
  std::int64_t count = 0;
  for (const TensorEntry& entry : network.Tensors()) {
    const auto layer = Number(entry.name.substr(0, entry.name.find('.')));  // none: of the head
    if (layer && *layer < layers) count += entry.Size();
  }
  return static_cast<std::size_t>(count);
}

void CheckFeatures(const RunConfig& config, const std::string& file, FieldContext& context) {
  for (const StudentSettings& student : config.students) {
    const std::string path = "students." + student.name;
    const auto fail = [&](const std::string& key, const std::string& message) {
      auto place = context.set.find(path + key);
      if (place == context.set.end()) place = context.set.find(path);
      const ConfigPlace nowhere{file, 1, {}};
      context.errors.Add(place == context.set.end() ? nowhere : place->second, path + key, message);
    };
    if (student.features.kind != FeatureSettings::Kind::kNone) {
      if (!LearnsFromTeacher(student)) {
        fail(".features.kind", "features are the teacher's; it must be under `from`");
      }
      if (student.shuffle_labels) {
        fail(".data.shuffle_labels", "mixes labels, and features would still tell; not with both");
      }
      if (!NamedLayer(config.teacher.network, student.features.teacher_layer)) {
        fail(".features.teacher_layer",
             "the teacher has no layer " + student.features.teacher_layer + " before its head");
      }
      if (!NamedLayer(student.network, student.features.student_layer)) {
        fail(".features.student_layer",
             "the student has no layer " + student.features.student_layer + " before its head");
      }
    }
    const auto shared = static_cast<std::size_t>(student.shared_layers);
    if (shared == 0) continue;
    const auto& own = student.network;
    const auto& teachers = config.teacher.network;
    if (student.from.size() != 1 || !LearnsFromTeacher(student)) {
      fail(".shared_layers", "only for a student of the teacher alone");
    } else if (shared >= own.size() || shared >= teachers.size() ||
               !std::equal(own.begin(), own.begin() + student.shared_layers, teachers.begin())) {
      fail(".shared_layers",
           fmt::format("the first {} layers must be the teacher's, the head not among them",
                       shared));
    }
  }
}

std::string FeatureError(const FeatureSettings& settings, const NetworkSpec& teacher,
                         const NetworkSpec& student) {
  using Kind = FeatureSettings::Kind;
  const LayerFeatures of_teacher = FeaturesOf(teacher, settings.teacher_layer);
  const LayerFeatures of_student = FeaturesOf(student, settings.student_layer);
  const auto where = fmt::format(
      "the teacher's layer {} has {} channels of {} positions, the student's layer {} {} of {}",
      of_teacher.layer, of_teacher.channels, of_teacher.positions, of_student.layer,
      of_student.channels, of_student.positions);
  const bool same_positions = of_teacher.positions == of_student.positions;
  switch (settings.kind) {
    case Kind::kNone:
    case Kind::kRelational:
      return {};
    case Kind::kHint:
      return same_positions ? "" : "hint compares position by position: " + where;
    case Kind::kAttention:
      if (of_teacher.positions < 2) return "attention is between positions of images: " + where;
      return same_positions ? "" : "attention compares position by position: " + where;
    case Kind::kAutoencoder:
      if (FactorsOf(settings, of_teacher) > of_teacher.channels) {
        return fmt::format("{} factors of {} channels compress nothing",
                           FactorsOf(settings, of_teacher), of_teacher.channels);
      }
      return same_positions ? "" : "autoencoder compares position by position: " + where;
  }
  return {};
}

}  // namespace stillhouse
