#include "cli/eval_report.h"

#include <algorithm>

#include <fmt/ostream.h>
#include <nlohmann/json.hpp>

#include "cli/explanation_report.h"

namespace stillhouse::cli {
namespace {

using Json = nlohmann::ordered_json;

Json IntervalJson(const Interval& interval) { return {interval.low, interval.high}; }

Json FidelityJson(const Fidelity& fidelity) {
  return {{"states", fidelity.states},
          {"agreement", fidelity.agreement},
          {"gap_agreement", fidelity.gap_agreement},
          {"regret", fidelity.regret},
          {"kl", fidelity.kl},
          {"q_error", fidelity.q_error}};
}

Json ModelJson(const EvaluatedModel& model) {
  return {{"model", model.label},
          {"updates", model.updates},
          {"network", model.network},
          {"parameters", model.parameters},
          {"macs", model.macs},
          {"latency_us", model.latency_us},
          {"episodes", model.returns.episodes},
          {"return_mean", model.returns.mean},
          {"return_iqm", model.returns.iqm},
          {"return_ci95", IntervalJson(model.returns.ci95)},
          {"return_worst5", model.returns.worst},
          {"return_min", model.range.low},
          {"return_max", model.range.high},
          {"steps_mean", model.steps_mean},
          {"cut", model.cut}};
}

Json ComparisonJson(const EvaluatedModel& model, const EvaluatedModel& first) {
  return {{"model", model.label},
          {"reference", first.label},
          {"difference", model.paired.difference},
          {"difference_ci95", IntervalJson(model.paired.difference_ci95)},
          {"probability_of_improvement", model.paired.improvement},
          {"probability_of_improvement_ci95", IntervalJson(model.paired.improvement_ci95)},
          {"retention", model.retention},
          {"fidelity",
           {{"reference_states", FidelityJson(model.on_first_states)},
            {"own_states", FidelityJson(model.on_own_states)}}}};
}

std::string FidelityText(const Fidelity& fidelity) {
  return fmt::format(
      "agreement {:.3f} (weighted by action gap {:.3f}), regret {:.4f}, KL {:.4g}, centred Q error "
      "{:.4g}",
      fidelity.agreement, fidelity.gap_agreement, fidelity.regret, fidelity.kl, fidelity.q_error);
}

}  // namespace

void PrintEvaluationJson(const EvaluationReport& report, std::ostream& out) {
  Json json{{"environment", report.environment},
            {"episodes", report.episodes},
            {"seed", report.seed},
            {"epsilon", report.epsilon},
            {"max_steps", report.max_steps},
            {"random_return", report.random.mean},
            {"models", Json::array()},
            {"comparisons", Json::array()}};
  for (const auto& model : report.models) json["models"].push_back(ModelJson(model));
  for (std::size_t i = 1; i < report.models.size(); ++i) {
    Json comparison = ComparisonJson(report.models[i], report.models.front());
    if (report.models[i].disagreements) {
      comparison["disagreements"] =
          DisagreementsJson(*report.models[i].disagreements, report.action_names);
    }
    json["comparisons"].push_back(std::move(comparison));
  }
  if (report.tree) json["tree"] = TreeJson(*report.tree);
  out << json.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

void PrintEvaluation(const EvaluationReport& report, std::ostream& out) {
  fmt::print(out,
             "{}: {} episodes, seeds of {}, epsilon {}, at most {} steps; random play {:.2f}\n",
             report.environment, report.episodes, report.seed, report.epsilon, report.max_steps,
             report.random.mean);
  std::size_t width = 5;
  for (const auto& model : report.models) width = std::max(width, model.label.size());
  fmt::print(out, "  {:<{}}  {:>8}  {:>9}  {:>7}  {:>26}  {:>9}  {:>9}  {:>9}\n", "model", width,
             "params", "MACs", "us", "return mean [95%]", "IQM", "worst 5%", "steps");
  for (const auto& model : report.models) {
    const ReturnStatistics& r = model.returns;
    fmt::print(out, "  {:<{}}  {:>8}  {:>9}  {:>7.2f}  {:>26}  {:>9.2f}  {:>9.2f}  {:>9.1f}\n",
               model.label, width, model.parameters, model.macs, model.latency_us,
               fmt::format("{:.2f} [{:.2f}, {:.2f}]", r.mean, r.ci95.low, r.ci95.high), r.iqm,
               r.worst, model.steps_mean);
  }
  for (std::size_t i = 1; i < report.models.size(); ++i) {
    const EvaluatedModel& model = report.models[i];
    const PairedReturns& paired = model.paired;
    fmt::print(out, "{} against {}\n", model.label, report.models.front().label);
    fmt::print(out,
               "  difference {:.3f} [{:.3f}, {:.3f}], probability of improvement {:.3f} [{:.3f}, "
               "{:.3f}], retention {:.3f}\n",
               paired.difference, paired.difference_ci95.low, paired.difference_ci95.high,
               paired.improvement, paired.improvement_ci95.low, paired.improvement_ci95.high,
               model.retention);
    fmt::print(out, "  on the states of {}: {}\n", report.models.front().label,
               FidelityText(model.on_first_states));
    fmt::print(out, "  on its own states: {}\n", FidelityText(model.on_own_states));
    if (model.disagreements) PrintDisagreements(*model.disagreements, report.action_names, out);
  }
  if (report.tree) PrintTree(*report.tree, report.models.front().label, out);
}

}  // namespace stillhouse::cli
