// What the coordinator knows about waits, for the stall explainer; and the end of its patience with
// a process that says nothing.
#include <algorithm>

#include "common/run/coordinator.h"

namespace stillhouse {
namespace {
/// Every process reports once a second; a busy machine may make that a few.
constexpr Time kSilentAfter = std::chrono::seconds(5);
/// Looking costs little, and nothing hurries.
constexpr Time kLookEvery = std::chrono::milliseconds(500);
}  // namespace

StallFacts Coordinator::Stall(Time now) const {
  StallFacts facts;
  facts.frames = progress_.Frames();
  facts.updates = progress_.Updates();
  for (std::size_t i = 0; i < settings_.config.students.size(); ++i) {
    facts.student_updates += progress_.StudentUpdates(i);
  }
  facts.evaluation_episodes = evaluation_.EpisodesThatLead();
  for (const auto& [rank, report] : progress_.Ranks()) {
    const auto heard = rank_heard_.find(rank);
    if (heard == rank_heard_.end() || now - heard->second < kSilentAfter) continue;
    facts.silent.push_back(
        {fmt::format("rank {} ({}, {}, pid {})", rank, report.roles, report.host, report.pid),
         heard->second});
  }
  const LearnerReport& learner = progress_.Learner();
  facts.learner = learner.wait;
  facts.owing_shards = learner.owing_shards;
  facts.owing_learners = learner.owing_learners;
  facts.sampling_blocked = learner.sample_blocked;
  facts.store_size = progress_.StoreSize();
  facts.min_size = static_cast<std::uint64_t>(settings_.config.replay.min_size);
  facts.workers_alive = progress_.WorkersAlive();
  facts.actor_hosts_alive = Living(RoleKind::kActorHost);
  facts.inserts_blocked = progress_.InsertsBlocked();
  facts.limiter = limiter_.WhoWaits(facts.inserts_blocked, facts.sampling_blocked);
  for (std::uint16_t host = 0; host < settings_.actor_hosts; ++host) {
    facts.workers_restarted += progress_.Restarts(host);
  }
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    const bool dead = dead_.contains({RoleKind::kShard, shard});
    if (!dead && endpoints_[shard].empty()) facts.unopened_shards.push_back(shard);
  }
  AddPending(facts);
  facts.evaluating = evaluation_.Busy();
  facts.evaluating_since = evaluation_.RoundSince();
  facts.evaluation_tasks = evaluation_.TasksInHand();
  facts.evaluation_seeds_left = evaluation_.SeedsLeft();
  return facts;
}

void Coordinator::AddPending(StallFacts& facts) const {
  const auto names = [](const std::vector<RoleAddress>& roles) {
    std::vector<std::string> texts;
    for (const auto role : roles) texts.push_back(role.ToString());
    return texts;
  };
  if (checkpoints_.Collecting()) {
    facts.pending.push_back({"a checkpoint", names(checkpoints_.Awaited()), checkpoints_.Since(),
                             checkpoints_.AwaitsLearner()
                                 ? "the learner is waited for; the run stays where it is meanwhile"
                                 : "after 10 s it goes on with their last parts"});
  }
  if (checkpoint_writing_) {
    facts.pending.push_back({"a checkpoint",
                             {},
                             checkpoint_writing_since_,
                             "is the disk of the run directory slow, full or gone?"});
  }
  const auto pins = evaluation_.MissingPins();
  if (!pins.empty()) {
    facts.pending.push_back({"the evaluation", names(pins), evaluation_.RoundSince(),
                             "students are left out after 3 s; the teacher is waited for"});
  }
  if (step_ == Step::kFreezing) {
    facts.pending.push_back({"the end of training",
                             {"learner 0, to freeze its parameters"},
                             step_since_,
                             "look at the learner's process"});
  }
  if (step_ == Step::kFreezingStudents) {
    facts.pending.push_back({"the end of the tail",
                             {"the student hosts, to freeze"},
                             step_since_,
                             "after 10 s it goes on without them"});
  }
}

void Coordinator::WatchProgress(Time now) {
  if (step_ == Step::kLeaving || now - last_stall_look_ < kLookEvery) return;
  const Time absence = last_stall_look_ > Time{} ? now - last_stall_look_ : Time{};
  last_stall_look_ = now;
  // We were stopped ourselves: nobody could be heard.
  if (absence > kSilentAfter) {
    for (auto& [rank, heard] : rank_heard_) heard += absence;
  }
  const StallFacts facts = Stall(now);
  if (const auto text = stalls_.Look(facts, now)) recorder_.OnNote(*text);
  const Time patience = kPatience * FromSeconds(settings_.config.monitor.stall_after.value);
  if (stalls_.StalledFor(now) < patience) return;
  for (const auto& [rank, heard] : rank_heard_) {
    if (rank == 0 || now - heard < patience || !progress_.Ranks().contains(rank)) continue;
    if (!given_up_.insert(rank).second) continue;
    recorder_.OnNote(
        fmt::format("rank {} has said nothing for {:.0f} s and holds everything up: it "
                    "counts as dead",
                    rank, Seconds(now - heard)));
    hopeless_.push_back(rank);
  }
}

}  // namespace stillhouse
