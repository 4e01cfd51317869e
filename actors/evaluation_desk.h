#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "actors/actor.h"
#include "actors/evaluation_runner.h"
#include "actors/model_catalog.h"
#include "common/messages/evaluation.h"
#include "common/messages/worker_plane.h"

namespace stillhouse::actors {

/// A worker's evaluation tasks, one played after the other: fetches the pinned weights from the
/// home shard, plays, answers. A task whose weights are gone is answered without episodes.
///
/// A connection may be cut with results on their way: the last few are sent again over every new
/// one, and the coordinator takes each task's first answer.
class EvaluationDesk {
 public:
  static constexpr std::size_t kMaxTasks = 4096;

  /// `models` is borrowed for the desk's life.
  EvaluationDesk(std::uint64_t incarnation, std::uint32_t home, ModelCatalog& models,
                 EvaluationRunner::MakeEnvironment make);

  /// Throws WireError when it names models that do not exist. A task that is known already, was
  /// answered lately (the answer is sent again by itself), is meant for another incarnation or is
  /// of an earlier round or attempt of the run, is ignored; one of a later ends what was before.
  void Add(EvaluationTask task, ShardLinks& out);
  /// Takes what it asked for; other replies are left alone. Throws WireError on a wrong size.
  void OnWeights(const WeightsReply& reply);
  void OnHomeConnected(ShardLinks& out);
  void OnHomeLost() { connected_ = false; }
  /// Another shard is home from now on; `connected`: it has welcomed us.
  void Move(std::uint32_t home, bool connected, ShardLinks& out);

  /// There is something to play now; asks for missing weights when there is not.
  bool Ready(ShardLinks& out);
  /// One step of the present task. After Ready has said true.
  void Step(ShardLinks& out);

 private:
  /// An answer as it was sent.
  struct Kept {
    std::uint64_t task = 0;
    std::vector<std::uint8_t> body;
  };
  void RequestMissing(ShardLinks& out);
  void Answer(const EvaluationResult& result, ShardLinks& out);
  void KeepNeeded();
  void Forget();

  const std::uint64_t incarnation_;
  std::uint32_t home_;
  ModelCatalog& models_;
  const EvaluationRunner::MakeEnvironment make_;
  std::deque<EvaluationTask> tasks_;
  std::optional<EvaluationRunner> runner_;  ///< plays a task that is no longer in tasks_
  std::set<ModelCatalog::Key> requested_;   ///< and not answered yet
  std::deque<Kept> answers_;                ///< the last few, newest last
  bool connected_ = false;
  std::pair<std::uint64_t, std::uint32_t> round_;  ///< (attempt, round) of the newest task
};

}  // namespace stillhouse::actors
