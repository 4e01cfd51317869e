#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/messages/evaluation.h"
#include "common/run/scoreboard.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// Follows evaluation from outside: which seeds the coordinator asked for, which results reached
/// it, and whether what it then publishes is each seed's return exactly once.
///
/// Returns are a function of (model version, seed), so whoever plays a seed again must get the
/// same; and a scoreboard must be the plain mean over the round's seeds.
class EvaluationLedger {
 public:
  EvaluationLedger(World& world, std::uint64_t run_seed, std::uint32_t episodes,
                   std::uint32_t final_episodes, std::vector<std::string> models)
      : world_(world),
        run_seed_(run_seed),
        episodes_(episodes),
        final_episodes_(final_episodes),
        models_(std::move(models)) {}

  void OnTask(const EvaluationTask& task);
  /// True when this task's result had arrived before.
  bool OnResult(const EvaluationResult& result);
  /// The coordinator lets the round's weights go: it is over, or given up.
  void OnRelease(std::uint32_t round) {
    released_ = round;
    over_.insert(round);
  }
  void OnScoreboard(const Scoreboard& board);
  /// The random round's mean, once the run is over. One that ends early may have none.
  void OnEnd(const Scoreboard& board);

  std::uint64_t Episodes() const { return episodes_played_; }
  std::uint64_t Scoreboards() const { return scoreboards_; }

 private:
  struct Play {
    std::set<std::uint64_t> asked;
    std::map<std::uint64_t, float> returns;
  };
  using Round = std::map<std::uint16_t, Play>;  ///< by model

  /// The round's seeds are one of the fixed lists, whole.
  void CheckSeeds(std::uint32_t round, std::uint16_t model, const Play& play);
  void CheckMean(const std::string& what, const Play& play, double mean, std::size_t episodes);

  World& world_;
  std::uint64_t run_seed_;
  std::uint32_t episodes_;
  std::uint32_t final_episodes_;
  std::vector<std::string> models_;
  std::map<std::uint32_t, Round> rounds_;
  std::set<std::uint64_t> asked_;     ///< tasks of this life
  std::set<std::uint64_t> answered_;  ///< tasks
  std::uint32_t released_ = 0;        ///< the newest
  std::set<std::uint32_t> over_;
  std::uint64_t episodes_played_ = 0;
  std::uint64_t scoreboards_ = 0;
};

}  // namespace stillhouse::simulation
