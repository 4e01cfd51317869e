#include "cli/setup.h"

#include <cstdio>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/ranges.h>

#include "cli/initial_models.h"
#include "cli/job.h"
#include "cli/list.h"
#include "cli/preflight.h"
#include "cli/reshard.h"
#include "cli/store_layout.h"
#include "cli/stored_replay.h"
#include "common/base/error.h"
#include "common/config/config_check.h"
#include "common/config/config_load.h"

namespace stillhouse::cli {
namespace {

constexpr int kBadInput = 2;

std::vector<std::uint8_t> Encode(const Setup& setup) {
  ByteWriter out;
  out.PutString(setup.error);
  out.Put(static_cast<std::int32_t>(setup.status));
  out.PutString(setup.config_yaml);
  out.PutString(setup.token);
  out.Put(static_cast<std::uint8_t>(setup.over ? 1 : 0));
  out.Put(static_cast<std::uint8_t>(setup.resuming ? 1 : 0));
  out.Put(setup.attempt);
  setup.store.Encode(out);
  out.PutString(setup.run_directory);
  out.Put(static_cast<std::uint16_t>(setup.initial.size()));
  for (const auto& parameters : setup.initial) out.PutVector(parameters);
  return out.Take();
}

Setup Decode(const std::vector<std::uint8_t>& bytes) {
  ByteReader in(bytes, "setup");
  Setup setup;
  setup.error = in.GetString();
  setup.status = in.Get<std::int32_t>();
  setup.config_yaml = in.GetString();
  setup.token = in.GetString();
  setup.over = in.GetBool();
  setup.resuming = in.GetBool();
  setup.attempt = in.Get<std::uint32_t>();
  setup.store = StorePlan::Decode(in);
  setup.run_directory = in.GetString();
  setup.initial.resize(in.Get<std::uint16_t>());
  for (auto& parameters : setup.initial) parameters = in.GetVector<float>();
  return setup;
}

/// Does a part of the setup; bad input, or a disk that refuses, is an error of all ranks.
template <typename Part>
void Attempt(Setup& setup, Part part) {
  const auto refuse = [&](const Error& error) {
    setup.error = error.what();
    setup.status = kBadInput;
  };
  try {
    part();
  } catch (const ConfigError& error) {
    refuse(error);
  } catch (const StorageError& error) {
    refuse(error);
  }
}

/// Lines about keys, with their file; what is wrong with an option (--role) has none.
std::string InFile(const std::string& file, const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line.starts_with("--") ? line : file + ": " + line);
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

/// Rank 0's first part: configuration, layout, where to go on. Changes nothing.
void Plan(const TrainOptions& options, const std::vector<HostFacts>& hosts,
          const std::vector<std::string>& roles, Setup& setup, RunFiles& files) {
  RunConfig config = LoadConfig(options.config_path, {options.overrides, EnvironmentChoices()});
  const Job job = [&] {
    try {
      return MakeJob(config, hosts, "", roles);
    } catch (const ConfigError& error) {
      throw ConfigError(InFile(options.config_path, error.what()));
    }
  }();
  files.path = options.run_dir.empty() ? std::filesystem::path(config.run.dir) / config.run.name
                                       : std::filesystem::path(options.run_dir);
  files.chosen_token = config.run.token;
  const bool keeps_store = config.replay.durability != Durability::kNone;
  const auto folder =
      keeps_store ? StoreFolder(files.path, config.replay) : std::filesystem::path();
  files.plan = PlanResume(files.path, options.resume, folder);
  setup.over = files.plan.done;
  if (setup.over) {
    std::printf("%s: this run is done already; nothing to resume\n", files.path.c_str());
    return;
  }
  files.resume = CheckedResumePoint(files.plan, job);
  setup.resuming = files.resume.has_value();
  if (!setup.resuming) {
    InitialModels initial = ReadInitialModels(job);
    setup.initial = std::move(initial.parameters);
    files.notes = std::move(initial.notes);
  }
  if (keeps_store) setup.store = PlanStore(files.plan, files.resume, job, folder);
  const bool begins = !setup.resuming && setup.store.fresh;
  if (LearnsFromStored(config) && begins) files.stored = PlanStoredReplay(job, setup.store);
  setup.config_yaml = job.config_yaml;
}

/// Every rank's part: what can only be tried where it is to be. The same answer everywhere.
void Preflight(const Job& job, const comm::MpiSession* session) {
  const int rank = session != nullptr ? session->Rank() : 0;
  std::vector<RankFindings> ranks = {FindOnThisRank(job, rank)};
  if (session != nullptr) {
    ByteWriter mine;
    ranks.front().Encode(mine);
    ranks.clear();
    for (const auto& bytes : session->FromEveryRank(mine.Take())) {
      ByteReader in(bytes, "findings of a rank");
      ranks.push_back(RankFindings::Decode(in));
    }
  }
  const auto errors = PreflightErrors(job, ranks);
  if (!errors.empty()) throw ConfigError(fmt::format("{}", fmt::join(errors, "\n")));
}

/// The store as the plan wants it before any shard starts.
void OpenStore(Setup& setup, const Job& job, RunFiles& files) {
  if (setup.store.folder.empty()) return;
  const std::uint32_t attempt = files.directory->Attempt();
  if (!files.stored.empty()) {
    files.notes.push_back(CopyStoredReplay(files.stored, setup.store, job));
    return;
  }
  if (!setup.store.fresh) SettleStore(setup.store.folder);
  if (!setup.store.deal_out.empty()) {
    for (auto& line : DealOut(setup.store, job, attempt)) files.notes.push_back(std::move(line));
  } else if (setup.store.fresh || !ReadStoreLayout(setup.store.folder)) {
    WriteStoreLayout(setup.store.folder, {job.Shards(), /*attempt=*/1, {}});
  }
}

/// Rank 0's second part: the run directory and what is stored there. When it fails, everything is
/// as it was.
void Open(Setup& setup, const Job& job, RunFiles& files) {
  files.notes.insert(files.notes.begin(), files.plan.notes.begin(), files.plan.notes.end());
  files.directory.emplace(OpenRunDirectory(files.path, files.chosen_token, files.plan));
  try {
    files.directory->WriteConfig(setup.config_yaml);
    files.directory->WriteStatus(RunState::kRunning, "", std::nullopt);
    OpenStore(setup, job, files);
  } catch (const StorageError&) {
    files.directory->Undo();
    throw;
  }
  setup.token = files.directory->Token();
  setup.attempt = files.directory->Attempt();
  setup.run_directory = std::filesystem::absolute(files.path).string();
}

}  // namespace

std::vector<std::string> GatherRoles(const std::string& mine, const comm::MpiSession* session) {
  if (session == nullptr) return {mine};
  std::vector<std::string> roles;
  for (const auto& bytes : session->FromEveryRank({mine.begin(), mine.end()})) {
    roles.emplace_back(bytes.begin(), bytes.end());
  }
  return roles;
}

Setup Prepare(const TrainOptions& options, const std::vector<HostFacts>& hosts,
              const std::vector<std::string>& roles, const comm::MpiSession* session,
              RunFiles& files) {
  const bool first = session == nullptr || session->Rank() == 0;
  const auto share = [session](const Setup& setup) {
    return session == nullptr ? setup : Decode(session->FromRankZero(Encode(setup)));
  };
  Setup setup;
  if (first) Attempt(setup, [&] { Plan(options, hosts, roles, setup, files); });
  setup = share(setup);
  if (!setup.error.empty() || setup.over) return setup;
  std::optional<Job> job;
  Attempt(setup, [&] {
    job = MakeJob(LoadConfigText(setup.config_yaml, "resolved configuration"), hosts, "", roles);
    job->store = setup.store;
    Preflight(*job, session);
  });
  if (!setup.error.empty()) return setup;
  if (first) Attempt(setup, [&] { Open(setup, *job, files); });
  return share(setup);
}

}  // namespace stillhouse::cli
