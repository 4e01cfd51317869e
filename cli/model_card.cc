#include "cli/model_card.h"

#include <fmt/ranges.h>

#include "common/export/onnx_model.h"

namespace stillhouse::cli {
namespace {

using Json = nlohmann::ordered_json;

const char* KindName(ElementKind kind) {
  switch (kind) {
    case ElementKind::kBits:
      return "bits";
    case ElementKind::kBytes:
      return "bytes";
    case ElementKind::kFloats:
      return "floats";
    case ElementKind::kUnitBytes:
      return "unit_bytes";
  }
  SH_CHECK(false, "unknown element kind {}", static_cast<int>(kind));
}

const char* KindMeaning(ElementKind kind) {
  switch (kind) {
    case ElementKind::kBits:
      return "each number is 0 or 1";
    case ElementKind::kBytes:
      return "each number is whole, 0 to 255, not scaled";
    case ElementKind::kFloats:
      return "the numbers are the environment's own";
    case ElementKind::kUnitBytes:
      return "each number is a byte divided by 255";
  }
  SH_CHECK(false, "unknown element kind {}", static_cast<int>(kind));
}

std::string InputMeaning(const TensorSpec& observation) {
  const char* axes = observation.shape.size() == 3 ? "[channels, rows, columns], " : "";
  return fmt::format("float32 {}row-major; {}", axes, KindMeaning(observation.kind));
}

Json EqualityJson(const Equality& equality) {
  return {{"observations", equality.observations},
          {"max_abs_difference", equality.max_abs_difference},
          {"largest_q", equality.largest_q},
          {"equal_actions", equality.equal_actions}};
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json ArtefactJson(const Artefact& artefact) {
  Json files = Json::array();
  for (std::size_t i = 0; i < artefact.files.size(); ++i) {
    files.push_back({{"name", artefact.files[i]},
                     {"bytes", artefact.bytes[i]},
                     {"crc32c", artefact.crc32c[i]}});
  }
  Json json = {{"format", artefact.format},
               {"precision", artefact.int8 ? "int8" : "float32"},
               {"files", std::move(files)}};
  if (artefact.format == "c") json["scratch_bytes"] = artefact.scratch_bytes;
  json["latency_us"] = OrNull(artefact.latency_us);
  json["equality"] = artefact.equality ? EqualityJson(*artefact.equality) : Json();
  if (!artefact.equality) json["not_run"] = artefact.not_run;
  return json;
}

Json Int8Json(const Int8Loss& loss) {
  return {
      {"weights",
       "int8, symmetric, one float32 scale an output channel; biases, norms and the "
       "smallest tensors float32; activations float32"},
      {"parameter_bytes", loss.bytes},
      {"float32_parameter_bytes", loss.float_bytes},
      {"q_against_float32", EqualityJson(loss.q)},
      {"episodes", loss.episodes},
      {"return_float32", loss.float_return},
      {"return_int8", loss.int8_return},
      {"return_random", loss.random_return},
      {"difference", loss.returns.difference},
      {"difference_ci95", {loss.returns.difference_ci95.low, loss.returns.difference_ci95.high}},
      {"loss", OrNull(loss.loss)},
      {"loss_upper95", OrNull(loss.loss_upper95)}};
}

Json ActionsJson(const EnvironmentSpec& environment) {
  Json actions = Json::array();
  for (std::size_t a = 0; a < environment.action_names.size(); ++a) {
    Json action = {{"index", a}, {"name", environment.action_names[a]}};
    const auto same = static_cast<std::size_t>(environment.canonical_action[a]);
    if (same != a) action["same_as"] = same;
    actions.push_back(std::move(action));
  }
  return actions;
}

Json LayersJson(const NetworkSpec& network) {
  Json layers = Json::array();
  for (std::size_t i = 0; i < network.Layers().size(); ++i) {
    layers.push_back({{"layer", ToString(network.Layers()[i])}, {"output", network.Shapes()[i]}});
  }
  return layers;
}

std::string Sources(const ModelCard& card) {
  std::vector<std::string> names;
  for (const auto& source : card.sources) names.push_back(source.model);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string EqualityText(const Artefact& artefact) {
  if (!artefact.equality) return "not run: " + artefact.not_run;
  return fmt::format("at most {:.2g} off (greatest Q {:.3g}), {:.2f} % equal actions",
                     artefact.equality->max_abs_difference, artefact.equality->largest_q,
                     100 * artefact.equality->equal_actions);
}

std::string ArtefactRow(const Artefact& artefact) {
  std::vector<std::string> files;
  for (std::size_t i = 0; i < artefact.files.size(); ++i) {
    files.push_back(fmt::format("`{}` ({} B)", artefact.files[i], artefact.bytes[i]));
  }
  return fmt::format("| {} | {} | {} | {} | {} |\n", artefact.format,
                     artefact.int8 ? "int8" : "float32", fmt::join(files, ", "),
                     artefact.latency_us ? fmt::format("{:.2f}", *artefact.latency_us) : "",
                     EqualityText(artefact));
}

std::string Int8Text(const Int8Loss& loss) {
  std::string text = fmt::format(
      R"(
## What int8 costs

Weights of 8 bits with a scale an output channel, the smallest tensors and activations float32: {}
bytes of parameters instead of {}. On the observations above Q is at most {:.3g} off, {:.2f} % of the
greedy actions are equal. On {} episodes with the same seeds it returns {:.4g}, float32 {:.4g}, random
play {:.4g}; difference {:.4g} [{:.4g}, {:.4g}].
)",
      loss.bytes, loss.float_bytes, loss.q.max_abs_difference, 100 * loss.q.equal_actions,
      loss.episodes, loss.int8_return, loss.float_return, loss.random_return,
      loss.returns.difference, loss.returns.difference_ci95.low, loss.returns.difference_ci95.high);
  if (loss.loss) {
    text += fmt::format(
        "Of what float32 returns above random play {:.2f} % is lost, with 95 % certainty at most "
        "{:.2f} %.\n",
        100 * *loss.loss, 100 * loss.loss_upper95.value_or(0));
  }
  return text;
}

/// A number as people read it; the file has all of its digits.
std::string ShortText(const Json& value) {
  if (value.is_number()) return fmt::format("{:.6g}", value.get<double>());
  if (!value.is_array()) return value.dump();
  std::vector<std::string> parts;
  for (const auto& part : value) parts.push_back(ShortText(part));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

std::string ScoresText(const Json& scores) {
  constexpr const char* kShown[] = {"return_mean", "return_ci95", "return_iqm",
                                    "episodes",    "retention",   "agreement",
                                    "regret",      "kl",          "updates"};
  if (!scores.is_object()) return "The run has no scores of it.\n";
  std::string text = "| figure of the run's scoreboard | |\n| --- | --- |\n";
  for (const char* name : kShown) {
    if (scores.contains(name)) text += fmt::format("| {} | {} |\n", name, ShortText(scores[name]));
  }
  return text;
}

}  // namespace

Json CardJson(const ModelCard& card) {
  const TensorSpec& observation = card.network.Observation();
  Json sources = Json::array();
  for (const auto& source : card.sources) {
    sources.push_back({{"model", source.model}, {"weight", source.weight}});
  }
  Json json = {{"format", 1},
               {"name", card.name},
               {"kind", card.teacher ? "teacher" : "student"},
               {"learnt_from", std::move(sources)},
               {"network", card.network.ToString()},
               {"layers", LayersJson(card.network)},
               {"parameters", card.network.ParameterCount()},
               {"macs", card.network.Macs()},
               {"latency_us", card.latency_us},
               {"environment",
                {{"id", card.environment.id},
                 {"sticky_action_prob", card.settings.sticky_action_prob},
                 {"difficulty_ramping", card.settings.difficulty_ramping},
                 {"mask_actions", card.settings.mask_actions}}},
               {"input",
                {{"name", "observation"},
                 {"shape", observation.shape},
                 {"elements", observation.Elements()},
                 {"kind", KindName(observation.kind)},
                 {"meaning", InputMeaning(observation)},
                 {"mask_of_legal_actions", observation.masked_actions != 0}}},
               {"output", {{"name", "q"}, {"shape", {card.network.NumActions()}}}},
               {"actions", ActionsJson(card.environment)},
               {"run", {{"name", card.run}, {"seed", card.run_seed}, {"updates", card.updates}}},
               {"scores", card.scores},
               {"check_seed", card.seed},
               {"versions",
                {{"stillhouse", card.version},
                 {"network_fingerprint", fmt::format("{:016x}", card.network.Fingerprint())},
                 {"onnx_ir", kOnnxIrVersion},
                 {"onnx_opset", kOnnxOpset}}},
               {"artefacts", Json::array()},
               {"int8", card.int8 ? Int8Json(*card.int8) : Json()}};
  for (const auto& artefact : card.artefacts) json["artefacts"].push_back(ArtefactJson(artefact));
  return json;
}

std::string CardMarkdown(const ModelCard& card) {
  const TensorSpec& observation = card.network.Observation();
  std::string text = fmt::format(
      R"(# {}

{} of the run `{}` (seed {}), learnt in {}{}. Written by Stillhouse {}; `card.json` has the same and more.

| | |
| --- | --- |
| network | `{}` |
| parameters, multiply-adds | {}, {} |
| one decision, native backend, the exporting host | {:.2f} us |
| input `observation` | [{}], {}{} |
| output `q` | one value for each of {} actions; the greatest is played |

| action | is |
| --- | --- |
)",
      card.name, card.teacher ? "A teacher" : "A student", card.run, card.run_seed,
      card.environment.id, card.sources.empty() ? "" : " from " + Sources(card), card.version,
      card.network.ToString(), card.network.ParameterCount(), card.network.Macs(), card.latency_us,
      fmt::join(observation.shape, ", "), InputMeaning(observation),
      observation.masked_actions != 0
          ? "; the environment says which actions are legal, the network does not see it"
          : "",
      card.network.NumActions());
  for (std::size_t a = 0; a < card.environment.action_names.size(); ++a) {
    const auto same = static_cast<std::size_t>(card.environment.canonical_action[a]);
    text += fmt::format("| {} | {}{} |\n", a, card.environment.action_names[a],
                        same == a ? "" : fmt::format(" (does what {} does)", same));
  }
  text +=
      "\n## Artefacts\n\n| format | weights | files | us | against the native backend |\n"
      "| --- | --- | --- | --- | --- |\n";
  for (const auto& artefact : card.artefacts) text += ArtefactRow(artefact);
  text +=
      "\nEach was run on the observations in `observations.f32` (float32, one after the other; "
      "seeds of list\n" +
      fmt::format("{}), against `q.f32`", card.seed) +
      (card.int8 ? ", those of int8 against `q_int8.f32`: what the network\n"
                   "computes with the weights that the artefact stores.\n"
                 : ".\n");
  if (card.int8) text += Int8Text(*card.int8);
  text += "\n## Scores\n\n" + ScoresText(card.scores);
  return text;
}

}  // namespace stillhouse::cli
