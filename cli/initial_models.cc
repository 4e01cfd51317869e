#include "cli/initial_models.h"

#include <filesystem>

#include <fmt/ranges.h>

#include "cli/stored_model.h"
#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/config/config_check.h"
#include "common/model/parameters.h"
#include "common/model/transfer.h"

namespace stillhouse::cli {
namespace {

/// A run's directory stands for its teacher.
std::string ModelIn(const std::string& init) {
  std::error_code error;
  return std::filesystem::is_directory(init, error) ? init + ":teacher" : init;
}

std::vector<float> Read(const Job& job, std::size_t model, const std::string& init,
                        std::vector<std::string>& notes) {
  const std::string key = (model == 0 ? "" : "students.") + job.model_names[model] + ".init";
  try {
    const StoredModel stored = ReadStoredModel(ModelIn(init), StoredWeights::kLast);
    const NetworkSpec& network = job.networks[model];
    // The stream that the model would begin with.
    Rng rng = MakeRng(job.config.run.seed, RngPurpose::kInitialParameters, model);
    Transferred taken = TransferParameters(stored.network, stored.parameters, network,
                                           InitialParameters(network, rng));
    if (taken.layers.empty()) {
      throw ConfigError(fmt::format("{}: no layer of {} on {} fits {} on {}", init,
                                    stored.network.ToString(),
                                    stored.network.Observation().ToString(), network.ToString(),
                                    network.Observation().ToString()));
    }
    const bool frozen =
        model == 0 ? HasFrozenTeacher(job.config) : job.config.students[model - 1].frozen;
    if (frozen && !taken.fresh.empty()) {
      throw ConfigError(fmt::format(
          "{}: a frozen model learns nothing, and these of its layers are not there: {}", init,
          fmt::join(taken.fresh, "; ")));
    }
    std::string note = fmt::format("{}: layers {} of {}", key, fmt::join(taken.layers, ", "),
                                   stored.file.string());
    if (!taken.fresh.empty()) note += fmt::format("; at random: {}", fmt::join(taken.fresh, "; "));
    notes.push_back(std::move(note));
    return std::move(taken.parameters);
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}: {}", key, error.what()));
  }
}

}  // namespace

InitialModels ReadInitialModels(const Job& job) {
  InitialModels initial;
  for (std::size_t model = 0; model < job.networks.size(); ++model) {
    const std::string& init =
        model == 0 ? job.config.teacher.init : job.config.students[model - 1].init;
    if (init == "none") continue;
    initial.parameters.resize(job.networks.size());
    initial.parameters[model] = Read(job, model, init, initial.notes);
  }
  return initial;
}

}  // namespace stillhouse::cli
