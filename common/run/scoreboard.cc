#include "common/run/scoreboard.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/telemetry/progress_log.h"

namespace stillhouse {
namespace {

using Json = nlohmann::ordered_json;

const char* KindName(ModelScore::Kind kind) {
  return kind == ModelScore::Kind::kTeacher ? "teacher" : "student";
}

Json IntervalJson(const Interval& interval) {
  return {FiniteOrZero(interval.low), FiniteOrZero(interval.high)};
}

Json FidelityJson(const Fidelity& fidelity) {
  return Json{{"states", fidelity.states},
              {"agreement", FiniteOrZero(fidelity.agreement)},
              {"gap_agreement", FiniteOrZero(fidelity.gap_agreement)},
              {"regret", FiniteOrZero(fidelity.regret)},
              {"kl", FiniteOrZero(fidelity.kl)},
              {"q_error", FiniteOrZero(fidelity.q_error)}};
}

Json ContributionsJson(const std::vector<Contribution>& contributions) {
  Json json = Json::object();
  for (const auto& [source, without, returns] : contributions) {
    json[source] = {{"without", without},
                    {"difference", FiniteOrZero(returns.difference)},
                    {"difference_ci95", IntervalJson(returns.difference_ci95)},
                    {"probability_of_improvement", FiniteOrZero(returns.improvement)}};
  }
  return json;
}

Json ModelJson(const ModelScore& model) {
  const PairedReturns& paired = model.against_teacher;
  return Json{{"kind", KindName(model.kind)},
              {"return_mean", FiniteOrZero(model.returns.mean)},
              {"return_iqm", FiniteOrZero(model.returns.iqm)},
              {"return_ci95", IntervalJson(model.returns.ci95)},
              {"return_worst5", FiniteOrZero(model.returns.worst)},
              {"episodes", model.returns.episodes},
              {"retention", FiniteOrZero(model.retention)},
              {"retention_current", FiniteOrZero(model.retention_current)},
              {"teacher_qualified", model.teacher_qualified},
              {"difference", FiniteOrZero(paired.difference)},
              {"difference_ci95", IntervalJson(paired.difference_ci95)},
              {"probability_of_improvement", FiniteOrZero(paired.improvement)},
              {"probability_of_improvement_ci95", IntervalJson(paired.improvement_ci95)},
              {"contributions", ContributionsJson(model.contributions)},
              {"agreement", FiniteOrZero(model.on_teacher_states.agreement)},
              {"regret", FiniteOrZero(model.on_teacher_states.regret)},
              {"kl", FiniteOrZero(model.on_teacher_states.kl)},
              {"fidelity",
               {{"teacher_states", FidelityJson(model.on_teacher_states)},
                {"own_states", FidelityJson(model.on_own_states)},
                {"replay_states", {{"agreement", FiniteOrZero(model.replay_agreement)}}}}},
              {"parameters", model.parameters},
              {"bytes", model.bytes},
              {"macs", model.macs},
              {"latency_us", FiniteOrZero(model.latency_us)},
              {"updates", model.updates},
              {"version", model.version}};
}

std::int64_t TeacherParameters(const Scoreboard& board) {
  for (const auto& model : board.models) {
    if (model.kind == ModelScore::Kind::kTeacher) return model.parameters;
  }
  return 0;
}

constexpr std::size_t kColumns = 16;
using Row = std::array<std::string, kColumns>;

Row TableRow(const ModelScore& model, std::int64_t teacher_parameters) {
  const auto count = [](std::int64_t value) { return ShortCount(static_cast<double>(value)); };
  const bool student = model.kind == ModelScore::Kind::kStudent;
  // The teacher agrees with itself; the figures of comparison are the students'.
  const auto compared = [&](const std::string& text) { return student ? text : std::string("-"); };
  const double share = teacher_parameters > 0 ? 100.0 * static_cast<double>(model.parameters) /
                                                    static_cast<double>(teacher_parameters)
                                              : 0.0;
  return {model.name,
          KindName(model.kind),
          count(model.parameters),
          fmt::format("{:.1f}%", share),
          count(model.bytes),
          count(model.macs),
          fmt::format("{:.2f}", FiniteOrZero(model.latency_us)),
          fmt::format("{:.2f} [{:.2f}, {:.2f}]", FiniteOrZero(model.returns.mean),
                      FiniteOrZero(model.returns.ci95.low), FiniteOrZero(model.returns.ci95.high)),
          fmt::format("{:.2f}", FiniteOrZero(model.returns.iqm)),
          fmt::format("{:.2f}", FiniteOrZero(model.returns.worst)),
          fmt::format("{}", model.returns.episodes),
          fmt::format("{:.3f}", FiniteOrZero(model.retention)),
          compared(fmt::format("{:.2f}", FiniteOrZero(model.against_teacher.improvement))),
          compared(fmt::format("{:.3f}", FiniteOrZero(model.on_teacher_states.agreement))),
          compared(fmt::format("{:.3f}", FiniteOrZero(model.on_teacher_states.regret))),
          compared(fmt::format("{:.3f}", FiniteOrZero(model.on_teacher_states.kl)))};
}

}  // namespace

void FillRetention(Scoreboard& board, const ReturnStatistics& teacher,
                   const ReturnStatistics& current) {
  for (auto& model : board.models) {
    model.retention = Retention(model.returns.mean, teacher.mean, board.random_return);
    model.retention_current = Retention(model.returns.mean, current.mean, board.random_return);
    model.teacher_qualified = TeacherQualified(teacher.ci95, board.random_return);
  }
}

std::string ScoreboardJson(const Scoreboard& board) {
  Json json{{"time", FiniteOrZero(board.time)},
            {"elapsed_s", FiniteOrZero(board.elapsed_s)},
            {"phase", board.phase},
            {"updates", board.updates},
            {"frames", board.frames},
            {"random_return", FiniteOrZero(board.random_return)}};
  Json models = Json::object();
  for (const auto& model : board.models) models[model.name] = ModelJson(model);
  json["models"] = std::move(models);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ScoreboardTable(const Scoreboard& board) {
  std::vector<Row> rows{{"model", "kind", "params", "%", "bytes", "MACs", "us", "return mean [95%]",
                         "IQM", "worst 5%", "episodes", "retention", "P(>t)", "agree", "regret",
                         "KL"}};
  const std::int64_t teacher_parameters = TeacherParameters(board);
  for (const auto& model : board.models) rows.push_back(TableRow(model, teacher_parameters));

  std::array<std::size_t, kColumns> widths{};
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < kColumns; ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string table = fmt::format("scoreboard after {} frames, {} updates; random play {:.2f}\n",
                                  board.frames, board.updates, FiniteOrZero(board.random_return));
  for (const auto& row : rows) {
    table += fmt::format("  {:<{}}  {:<{}}", row[0], widths[0], row[1], widths[1]);
    for (std::size_t c = 2; c < kColumns; ++c) table += fmt::format("  {:>{}}", row[c], widths[c]);
    table += '\n';
  }
  for (const auto& model : board.models) {
    for (const auto& [source, without, returns] : model.contributions) {
      table += fmt::format("  {} owes {:.2f} [{:.2f}, {:.2f}] to {}, without which it is {}\n",
                           model.name, FiniteOrZero(returns.difference),
                           FiniteOrZero(returns.difference_ci95.low),
                           FiniteOrZero(returns.difference_ci95.high), source, without);
    }
  }
  const bool unqualified = std::any_of(board.models.begin(), board.models.end(),
                                       [](const auto& model) { return !model.teacher_qualified; });
  if (unqualified) table += "  the teacher is not above random play: retention means little\n";
  return table;
}

}  // namespace stillhouse
