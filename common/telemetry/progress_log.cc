#include "common/telemetry/progress_log.h"

#include <array>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace stillhouse {
namespace {

using Json = nlohmann::ordered_json;

/// Students that are this far behind, in teacher updates, are pointed out to people.
constexpr std::uint64_t kLagWorthSaying = 200;
/// A host that has been silent for so long, in seconds, is pointed out too.
constexpr double kSilenceWorthSaying = 5;

Json NumbersJson(const std::vector<float>& values) {
  Json list = Json::array();
  for (const float value : values) list.push_back(FiniteOrZero(static_cast<double>(value)));
  return list;
}

Json ChangesJson(const LayerChanges& changes) {
  Json parts = Json::object();
  for (const LayerChanges::Part& part : changes.parts) {
    parts[part.name] = {{"norm", NumbersJson(part.norm)}, {"cosine", NumbersJson(part.cosine)}};
  }
  return Json{
      {"layers", changes.layers}, {"change", NumbersJson(changes.change)}, {"parts", parts}};
}

Json StudentJson(const StudentFigures& student) {
  Json json = Json{{"updates", student.updates},
                   {"updates_per_s", FiniteOrZero(student.updates_per_s)},
                   {"loss", FiniteOrZero(student.loss)},
                   {"agreement", FiniteOrZero(student.agreement)},
                   {"lag_updates", student.lag_updates},
                   {"dropped_batches", student.dropped_batches},
                   {"silent_s", FiniteOrZero(student.silent_s)},
                   {"label_age_mean", FiniteOrZero(student.label_age_mean)},
                   {"label_age_max", student.label_age_max},
                   {"stale_batches", student.stale_batches},
                   {"relabelled_batches", student.relabelled_batches}};
  if (!student.changes.Empty()) json["changes"] = ChangesJson(student.changes);
  return json;
}

Json RankJson(const RankFigures& rank) {
  return Json{{"rank", rank.rank},
              {"role", rank.role},
              {"host", rank.host},
              {"pid", rank.pid},
              {"busy", FiniteOrZero(rank.busy)},
              {"rss_bytes", rank.rss_bytes}};
}

std::string StudentText(const StudentFigures& student) {
  std::string text = fmt::format(
      "{} {} ({}/s) agree {:.2f}", student.name, ShortCount(static_cast<double>(student.updates)),
      ShortCount(student.updates_per_s), FiniteOrZero(student.agreement));
  if (student.silent_s >= kSilenceWorthSaying) {
    text += fmt::format(" SILENT {}", ShortTime(student.silent_s));
  }
  if (student.lag_updates >= kLagWorthSaying) {
    text += fmt::format(" LAGS {}", ShortCount(static_cast<double>(student.lag_updates)));
  }
  if (student.dropped_now > 0) {
    text += fmt::format(" DROPS {} (of {})", ShortCount(static_cast<double>(student.dropped_now)),
                        ShortCount(static_cast<double>(student.dropped_batches)));
  }
  return text;
}

}  // namespace

double FiniteOrZero(double value) { return std::isfinite(value) ? value : 0.0; }

std::string ShortCount(double count) {
  count = FiniteOrZero(count);
  static constexpr std::array<const char*, 5> kSuffixes = {"", "k", "M", "G", "T"};
  std::size_t suffix = 0;
  while (std::abs(count) >= 999.5 && suffix + 1 < kSuffixes.size()) {
    count /= 1000;
    ++suffix;
  }
  if (suffix == 0) return fmt::format("{:.0f}", count);
  const double size = std::abs(count);
  const int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", count, decimals, kSuffixes[suffix]);
}

std::string ShortTime(double seconds) {
  seconds = std::max(0.0, FiniteOrZero(seconds));
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

std::string ProgressJson(const ProgressRecord& record) {
  Json json{{"attempt", record.attempt},
            {"time", FiniteOrZero(record.time)},
            {"elapsed_s", FiniteOrZero(record.elapsed_s)},
            {"phase", record.phase},
            {"frames", record.frames},
            {"episodes", record.episodes},
            {"frames_per_s", FiniteOrZero(record.frames_per_s)},
            {"updates", record.updates},
            {"updates_per_s", FiniteOrZero(record.updates_per_s)},
            {"samples_per_s", FiniteOrZero(record.samples_per_s)},
            {"samples_per_insert", FiniteOrZero(record.samples_per_insert)},
            {"replay_size", record.replay_size},
            {"replay_bytes", record.replay_bytes},
            {"loss", FiniteOrZero(record.loss)},
            {"q_mean", FiniteOrZero(record.q_mean)},
            {"grad_norm", FiniteOrZero(record.grad_norm)},
            {"epsilon_mean", FiniteOrZero(record.epsilon_mean)},
            {"weights_version", record.weights_version},
            {"weights_lag_p99", record.weights_lag_p99},
            {"actors_alive", record.actors_alive},
            {"workers_restarted", record.workers_restarted},
            {"return_mean", FiniteOrZero(record.return_mean)},
            {"states_distinct", record.states_distinct},
            {"action_entropy", FiniteOrZero(record.action_entropy)},
            {"actors_wait", record.actors_wait},
            {"learner_waits", record.learner_waits}};
  if (record.resumed_from_updates) json["resumed_from_updates"] = *record.resumed_from_updates;
  Json students = Json::object();
  for (const auto& student : record.students) students[student.name] = StudentJson(student);
  json["students"] = std::move(students);
  Json ranks = Json::array();
  for (const auto& rank : record.ranks) ranks.push_back(RankJson(rank));
  json["ranks"] = std::move(ranks);
  // Names come from users: bytes that are not UTF-8 are replaced rather than thrown about.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ProgressLine(const ProgressRecord& record) {
  const auto count = [](auto value) { return ShortCount(static_cast<double>(value)); };
  std::string line = fmt::format(
      "{:>6} {:<5} frames {} ({}/s)  updates {} ({}/s)  spi {:.2f}  replay {}  loss {:.4g}  "
      "q {:.3g}  eps {:.2f}  return {:.2f}  workers {}",
      ShortTime(record.elapsed_s), record.phase, count(record.frames), count(record.frames_per_s),
      count(record.updates), count(record.updates_per_s), FiniteOrZero(record.samples_per_insert),
      count(record.replay_size), FiniteOrZero(record.loss), FiniteOrZero(record.q_mean),
      FiniteOrZero(record.epsilon_mean), FiniteOrZero(record.return_mean), record.actors_alive);
  if (record.workers_restarted > 0)
    line += fmt::format(" ({} restarted)", record.workers_restarted);
  for (const auto& student : record.students) line += "  | " + StudentText(student);
  if (record.actors_wait) line += "  | actors wait for the learner";
  if (record.learner_waits) line += "  | learner waits for actors";
  return line;
}

}  // namespace stillhouse
