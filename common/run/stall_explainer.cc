#include "common/run/stall_explainer.h"

#include <fmt/ranges.h>

namespace stillhouse {
namespace {

std::string Numbered(const char* what, const std::vector<std::uint16_t>& which) {
  return fmt::format("{}{} {}", what, which.size() == 1 ? "" : "s", fmt::join(which, ", "));
}

std::string Shards(const std::vector<std::uint16_t>& shards) { return Numbered("shard", shards); }

void ExplainLearner(const StallFacts& facts, std::vector<ExplainedWait>& waits) {
  const auto add = [&waits](std::string for_what, std::string advice) {
    waits.push_back({"the learner", std::move(for_what), std::nullopt, std::move(advice)});
  };
  switch (facts.learner) {
    case LearnerWait::kNothing:
    case LearnerWait::kIdle:
      return;
    case LearnerWait::kRestore:
      return add("its parameters from the checkpoint", "they come from rank 0; look at its log");
    case LearnerWait::kCompute:
      return add(
          "an update that its compute thread has in hand",
          "look at the learner's process: a debugger, a swapping machine, a GPU that hangs?");
    case LearnerWait::kReplies:
      return add(fmt::format("sample replies of {}", Shards(facts.owing_shards)),
                 "look at those processes: stopped, swapping, or their disk?");
    case LearnerWait::kGradients:
      return add(fmt::format("gradients of {}", Numbered("learner", facts.owing_learners)),
                 "each learner waits for the slowest: look at those processes");
    case LearnerWait::kEmptyStore:
      return add("transitions: no shard holds any", "see the workers");
    case LearnerWait::kCredits:
      return add("students: none of them takes another batch", "look at the student hosts");
    case LearnerWait::kGrant:
      return add(facts.limiter.empty() ? "the rate limiter" : "the rate limiter: " + facts.limiter,
                 facts.workers_alive == 0 ? "see the workers"
                                          : "workers play but nothing arrives: see the shards");
  }
}

void ExplainWorkers(const StallFacts& facts, std::vector<ExplainedWait>& waits) {
  const auto add = [&waits](std::string for_what, std::string advice) {
    waits.push_back({"the store", std::move(for_what), std::nullopt, std::move(advice)});
  };
  const std::string filled = fmt::format("{} of {} transitions", facts.store_size, facts.min_size);
  if (!facts.unopened_shards.empty()) {
    return add(fmt::format("{} to recover and to listen", Shards(facts.unopened_shards)),
               "a large log takes a while (docs/operations.md); else look at that rank's log");
  }
  if (facts.workers_alive == 0) {
    const std::string hosts =
        facts.actor_hosts_alive == 0
            ? "no actor host is alive: start workers with `stillhouse actor --connect RUN_DIR`, or "
              "end the job and resume it"
            : fmt::format(
                  "actor hosts have restarted them {} times: their lines in the log say "
                  "why they end, or cannot reach the shards",
                  facts.workers_restarted);
    return add(fmt::format("workers: none is connected ({})", filled), hosts);
  }
  if (facts.inserts_blocked) {
    waits.push_back(
        {fmt::format("{} workers", facts.workers_alive),
         facts.limiter.empty() ? "the rate limiter" : "the rate limiter: " + facts.limiter,
         std::nullopt, "they go on when the learner samples: see the learner"});
  } else if (facts.learner == LearnerWait::kGrant || facts.learner == LearnerWait::kEmptyStore) {
    add(fmt::format("{} workers, who are connected and send nothing ({})", facts.workers_alive,
                    filled),
        "are they stopped, or is an environment's step very slow? A silent one is started again "
        "after actors.hang_after");
  }
}

void ExplainEvaluation(const StallFacts& facts, std::vector<ExplainedWait>& waits) {
  if (!facts.evaluating) return;
  if (facts.workers_alive == 0) {
    waits.push_back({"the evaluation", "a worker to play it: none is connected",
                     facts.evaluating_since,
                     "start workers (`stillhouse actor --connect RUN_DIR`), or see why they end"});
  } else if (facts.evaluation_tasks + facts.evaluation_seeds_left > 0) {
    waits.push_back({"the evaluation",
                     fmt::format("{} tasks that workers have in hand, {} seeds are left",
                                 facts.evaluation_tasks, facts.evaluation_seeds_left),
                     facts.evaluating_since,
                     "a task without a result goes to another worker after 120 s; long episodes "
                     "end at evaluation.max_steps"});
  }
}

}  // namespace

std::vector<ExplainedWait> ExplainWaits(const StallFacts& facts) {
  std::vector<ExplainedWait> waits;
  for (const auto& rank : facts.silent) {
    waits.push_back({"everyone who needs it", rank.who + ", which has said nothing", rank.since,
                     "is it stopped (SIGSTOP, a debugger), starved or swapping? `kill -CONT` lets "
                     "it go on; kill -9 has the others go on without it where they can"});
  }
  for (const auto& pending : facts.pending) {
    waits.push_back(
        {pending.what,
         pending.of.empty() ? "the disk" : fmt::format("{}", fmt::join(pending.of, ", ")),
         pending.since, pending.bound});
  }
  ExplainLearner(facts, waits);
  ExplainWorkers(facts, waits);
  ExplainEvaluation(facts, waits);
  return waits;
}

std::optional<std::string> StallExplainer::Look(const StallFacts& facts, Time now) {
  const Counts counts{facts.frames, facts.updates, facts.student_updates,
                      facts.evaluation_episodes};
  if (!since_ || counts != last_) {
    const Time stalled = StalledFor(now);
    last_ = counts;
    since_ = now;
    next_ = after_;
    if (!spoken_) return std::nullopt;
    spoken_ = false;
    return fmt::format("progress again, after {:.0f} s without any", Seconds(stalled));
  }
  const Time stalled = now - *since_;
  if (stalled < next_) return std::nullopt;
  next_ = next_ + next_;
  spoken_ = true;
  std::string text = fmt::format(
      "no progress for {:.0f} s (no frame, no update, no student's update, no evaluation episode "
      "that is waited for); who waits for whom:",
      Seconds(stalled));
  const auto waits = ExplainWaits(facts);
  for (const auto& wait : waits) {
    text += fmt::format("\n    {} waits for {}", wait.who, wait.for_what);
    if (wait.since) text += fmt::format(", for {:.0f} s", Seconds(now - *wait.since));
    if (!wait.advice.empty()) text += "\n      -> " + wait.advice;
  }
  if (waits.empty()) {
    text += "\n    nobody that the coordinator knows of: look at the ranks' processes";
  }
  return text;
}

}  // namespace stillhouse
