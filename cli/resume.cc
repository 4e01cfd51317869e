#include "cli/resume.h"

#include <fmt/ranges.h>

#include "cli/reshard.h"
#include "cli/store_layout.h"
#include "common/base/error.h"
#include "learner/protocol/checkpoint_state.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;

bool Same(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

std::string Offer() {
  return "start afresh with --resume never (this run is moved aside, not deleted)";
}

/// The newest whole checkpoint of a run, with notes on those passed over.
void TakeNewest(const fs::path& run, ResumePlan& plan) {
  const CheckpointStore store(run);
  std::vector<std::string> reasons;
  plan.checkpoint = store.ReadNewest([&](const std::string& why) { reasons.push_back(why); });
  if (!plan.checkpoint && !reasons.empty()) {
    throw ConfigError(fmt::format("{}: none of its {} checkpoints is whole; {}\n  {}", run.string(),
                                  reasons.size(), Offer(), fmt::join(reasons, "\n  ")));
  }
  const auto all = store.List();
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    plan.notes.push_back(
        fmt::format("checkpoint {} is passed over: {}", all[i].filename().string(), reasons[i]));
    plan.set_aside.push_back(all[i]);
  }
  if (plan.checkpoint && !reasons.empty()) {
    plan.notes.push_back(
        fmt::format("falling back to checkpoint {}", plan.checkpoint->facts.updates));
  }
}

ResumePlan PlanAuto(const fs::path& run_dir, const fs::path& store) {
  ResumePlan plan;
  const auto status = ReadRunStatus(run_dir);
  if (status && status->status == RunStateName(RunState::kDone)) {
    plan.done = true;
    return plan;
  }
  TakeNewest(run_dir, plan);
  plan.in_place = plan.checkpoint.has_value();
  if (plan.checkpoint) return plan;
  // The run was cut off before its first checkpoint: its experience is kept all the same.
  plan.in_place = status && !store.empty() && !StoredShards(StandingStore(store)).empty();
  plan.notes.push_back(plan.in_place ? "no checkpoint to resume from: a fresh start with the store "
                                       "that is there"
                                     : "no checkpoint to resume from: a fresh start");
  return plan;
}

ResumePlan PlanNamed(const fs::path& run_dir, const fs::path& named) {
  ResumePlan plan;
  std::error_code error;
  if (!fs::is_directory(named, error)) {
    throw ConfigError(fmt::format(
        "--resume {}: no such directory; auto, never, a run's directory or one of its checkpoints",
        named.string()));
  }
  if (!fs::exists(named / "MANIFEST.json", error)) {
    TakeNewest(named, plan);
    if (!plan.checkpoint) {
      throw ConfigError(fmt::format("--resume {}: it has no checkpoint", named.string()));
    }
    plan.in_place = Same(named, run_dir);
    if (!plan.in_place) plan.set_aside.clear();
    return plan;
  }
  try {
    plan.checkpoint = CheckpointStore::Read(named);
  } catch (const Error& damage) {
    throw ConfigError(fmt::format("--resume {}: {}", named.string(), damage.what()));
  }
  const fs::path run = fs::absolute(named).lexically_normal();
  const fs::path holder = (run.has_filename() ? run : run.parent_path()).parent_path();
  plan.in_place = Same(holder.parent_path(), run_dir);
  if (!plan.in_place) return plan;
  for (const auto& other : CheckpointStore(run_dir).List()) {
    if (Same(other, named)) break;  // newest first: what comes before it is superseded
    plan.set_aside.push_back(other);
    plan.notes.push_back(fmt::format("checkpoint {} is superseded", other.filename().string()));
  }
  return plan;
}

void ExpectSame(const ModelState& state, const Job& job, std::size_t model,
                const OptimizerSettings& optimizer) {
  const NetworkSpec& network = job.networks[model];
  const auto fail = [&](const std::string& had, const std::string& has) {
    throw ConfigError(
        fmt::format("{}: the checkpoint has {}, the configuration says {}; resume with the "
                    "configuration of the run, or {}",
                    job.model_names[model], had, has, Offer()));
  };
  if (!(state.network == network)) {
    const auto describe = [](const NetworkSpec& spec) {
      return fmt::format("network {} on {} ({} parameters)", spec.ToString(),
                         spec.Observation().ToString(), spec.ParameterCount());
    };
    fail(describe(state.network), describe(network));
  }
  const auto name = [](std::uint8_t kind) {
    return kind == static_cast<std::uint8_t>(OptimizerSettings::Kind::kAdam)
               ? std::string("optimiser adam")
               : std::string("optimiser rmsprop");
  };
  const auto kind = static_cast<std::uint8_t>(optimizer.kind);
  if (state.optimizer != kind) fail(name(state.optimizer), name(kind));
}

void SetAside(const fs::path& checkpoint) {
  for (int n = 1;; ++n) {
    const fs::path target = fmt::format("{}.aside{}", checkpoint.string(), n);
    std::error_code error;
    if (fs::exists(target, error)) continue;
    fs::rename(checkpoint, target, error);
    if (!error) return;
    throw StorageError(fmt::format("{}: cannot be moved aside to {}: {}", checkpoint.string(),
                                   target.string(), error.message()));
  }
}

}  // namespace

ResumePlan PlanResume(const fs::path& run_dir, const std::string& resume, const fs::path& store) {
  if (resume == "never") return {};
  return resume == "auto" ? PlanAuto(run_dir, store) : PlanNamed(run_dir, resume);
}

StorePlan PlanStore(const ResumePlan& plan, const std::optional<ResumePoint>& resume,
                    const Job& job, const fs::path& folder) {
  StorePlan store;
  store.folder = folder.string();
  store.fresh = !plan.in_place;
  if (resume) store.inserted = resume->coordinator.inserted;
  if (plan.in_place) {
    const fs::path standing = StandingStore(folder);
    const auto layout = ReadStoreLayout(standing);
    const bool dealt_since = resume && layout && plan.checkpoint->facts.attempt < layout->attempt;
    if (resume && !dealt_since) store.shard_parts = resume->shards;
    if (dealt_since || !resume) store.heads = layout ? layout->heads : store.heads;
    ExpectFitting(standing, job.environment, job.config.replay);
    store.deal_out = ShardsToDealOut(standing, job, store);
    if (!store.deal_out.empty()) store.stored = StoredShards(standing);
  } else if (job.config.replay.dir != "auto" && !StoredShards(folder).empty()) {
    throw ConfigError(fmt::format(
        "replay.dir: {}: the replay of another run is there; remove it, or name another directory",
        folder.string()));
  }
  return store;
}

std::optional<ResumePoint> CheckedResumePoint(const ResumePlan& plan, const Job& job) {
  if (!plan.checkpoint) return std::nullopt;
  try {
    ResumePoint point = MakeResumePoint(*plan.checkpoint, job.model_names);
    for (const ModelPart& part : point.models) {
      if (part.model == 0) {
        ExpectSame(learner::LearnerState::Decode(part.bytes).teacher.model, job, 0,
                   job.config.teacher.optimizer);
      } else {
        ExpectSame(learner::StudentState::Decode(part.bytes).memory.model, job, part.model,
                   job.config.students.at(part.model - 1U).optimizer);
      }
    }
    return point;
  } catch (const WireError& error) {
    throw ConfigError(
        fmt::format("checkpoint {}: {}", plan.checkpoint->facts.updates, error.what()));
  }
}

RunDirectory OpenRunDirectory(const fs::path& run_dir, const std::string& token,
                              const ResumePlan& plan) {
  if (!plan.in_place) return RunDirectory::Create(run_dir, token);
  RunDirectory directory = RunDirectory::Resume(run_dir, token);
  for (const auto& checkpoint : plan.set_aside) SetAside(checkpoint);
  return directory;
}

}  // namespace stillhouse::cli
