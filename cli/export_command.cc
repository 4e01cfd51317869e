#include "cli/export_command.h"

#include <algorithm>
#include <array>
#include <thread>

#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include "actors/env/environment_factory.h"
#include "actors/environment_options.h"
#include "cli/artefact_check.h"
#include "cli/episode_player.h"
#include "cli/job.h"
#include "cli/model_card.h"
#include "cli/stored_model.h"
#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/export/c_harness.h"
#include "common/export/c_source.h"
#include "common/export/onnx_model.h"
#include "common/export/scratch_plan.h"
#include "common/model/native_file.h"
#include "common/run/atomic_file.h"
#include "common/run/evaluation_seeds.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kFormats = {"onnx", "c", "native"};
constexpr std::size_t kRandomEpisodes = 1000;
constexpr std::size_t kMostSeeds = 10000;

void CheckFormats(const std::vector<std::string>& formats) {
  for (const auto& format : formats) {
    if (std::find(kFormats.begin(), kFormats.end(), format) != kFormats.end()) continue;
    throw ConfigError(fmt::format("--format {}: {}; there are {}", format,
                                  format == "torchscript" ? "not supported yet" : "no such format",
                                  fmt::join(kFormats, ", ")));
  }
}

/// Artefacts are written and tried in a folder beside `out`, and moved when all is well.
class Workshop {
 public:
  explicit Workshop(fs::path out) : out_(std::move(out)), folder_(out_.string() + ".partial") {
    std::error_code error;
    fs::remove_all(folder_, error);
    fs::create_directories(folder_, error);
    if (error) {
      throw StorageError(fmt::format("{}: {}", folder_.string(), error.message()));
    }
  }
  ~Workshop() {
    std::error_code error;
    fs::remove_all(folder_, error);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  const fs::path& Folder() const { return folder_; }
  void Write(const std::string& name, std::span<const std::uint8_t> bytes) {
    ReplaceFile(folder_ / name, bytes);
    files_.push_back(name);
  }
  void Write(const std::string& name, std::string_view text) {
    Write(name, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  void Write(const std::string& name, std::span<const float> values) {
    Write(name, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
  }
  /// Everything written, into the folder that it is for.
  void MoveOut() const {
    std::error_code error;
    fs::create_directories(out_, error);
    for (const auto& name : files_) {
      if (!error) fs::rename(folder_ / name, out_ / name, error);
    }
    if (error) throw StorageError(fmt::format("{}: {}", out_.string(), error.message()));
  }

 private:
  fs::path out_, folder_;
  std::vector<std::string> files_;
};

/// The model and what its artefacts are compared with.
struct Subject {
  const ExportOptions& options;
  const StoredModel& model;
  const QuantizedParameters& int8;
  CheckVectors vectors;
  std::vector<float> int8_q = {};  ///< of the parameters that int8 stands for
};

ExportedModel Exported(const Subject& subject, bool int8) {
  return {subject.model.name + (int8 ? "_int8" : ""), subject.model.network,
          subject.model.parameters, int8 ? &subject.int8 : nullptr, subject.options.version};
}

void AddFile(const std::string& name, std::span<const std::uint8_t> bytes, Workshop& workshop,
             Artefact& artefact) {
  workshop.Write(name, bytes);
  artefact.files.push_back(name);
  artefact.bytes.push_back(static_cast<std::int64_t>(bytes.size()));
  artefact.crc32c.push_back(Crc32c(bytes));
}
void AddFile(const std::string& name, std::string_view text, Workshop& workshop,
             Artefact& artefact) {
  AddFile(name, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, workshop,
          artefact);
}

ArtefactRun WriteC(const Subject& subject, const ExportedModel& model, Workshop& workshop,
                   Artefact& artefact) {
  const CSource source = WriteCSource(model);
  AddFile(model.name + ".c", source.source, workshop, artefact);
  AddFile(model.name + ".h", source.header, workshop, artefact);
  AddFile(model.name + "_check.c", WriteCHarness(model), workshop, artefact);
  artefact.scratch_bytes =
      PlanScratch(model.network).floats * static_cast<std::int64_t>(sizeof(float));
  return RunCArtefact(workshop.Folder(), model.name, workshop.Folder() / "observations.f32",
                      subject.options.compiler);
}

ArtefactRun WriteOnnxFile(const Subject& subject, const ExportedModel& model, Workshop& workshop,
                          Artefact& artefact) {
  AddFile(model.name + ".onnx", WriteOnnx(model), workshop, artefact);
  return RunOnnxArtefact(workshop.Folder() / artefact.files.front(),
                         workshop.Folder() / "observations.f32", model.network.Observation(),
                         subject.options.onnx_runner);
}

ArtefactRun WriteNative(const Subject& subject, const ExportedModel& model, Workshop& workshop,
                        Artefact& artefact) {
  const std::vector<float> values(model.parameters.begin(), model.parameters.end());
  const auto bytes =
      model.int8 != nullptr
          ? EncodeNativeFile(model.network, *model.int8)
          : EncodeNativeFile(model.network, ParameterBlock(model.network, 0, values));
  AddFile(model.name + ".native", bytes, workshop, artefact);
  const NativeFile file = DecodeNativeFile(bytes, artefact.files.front());
  return {NativeQ(file.network, file.parameters, subject.vectors), {}, {}};
}

Artefact WriteArtefact(const Subject& subject, const std::string& format, bool int8,
                       Workshop& workshop) {
  const ExportedModel model = Exported(subject, int8);
  Artefact artefact;
  artefact.format = format;
  artefact.int8 = int8;
  ArtefactRun run;
  if (format == "onnx") run = WriteOnnxFile(subject, model, workshop, artefact);
  if (format == "c") run = WriteC(subject, model, workshop, artefact);
  if (format == "native") run = WriteNative(subject, model, workshop, artefact);
  artefact.latency_us = run.latency_us;
  artefact.not_run = run.not_run;
  if (!run.not_run.empty()) return artefact;
  artefact.equality = CompareQ(subject.vectors, run.q, int8 ? subject.int8_q : subject.vectors.q);
  const double allowed = AllowedDifference(artefact.equality->largest_q);
  if (!(artefact.equality->max_abs_difference <= allowed)) {
    throw NumericError(fmt::format(
        "{}: its Q-values are up to {} off those of the native backend, at most {} is allowed; "
        "nothing was exported",
        artefact.files.front(), artefact.equality->max_abs_difference, allowed));
  }
  return artefact;
}

std::vector<double> ReturnsOf(const std::vector<EvaluationEpisode>& episodes) {
  std::vector<double> returns;
  for (const auto& episode : episodes) {
    returns.push_back(static_cast<double>(episode.episode_return));
  }
  return returns;
}

/// Plays the model with its weights as they are and as int8, on the same seeds.
Int8Loss MeasureInt8(const Subject& subject, PlaySettings play, bool data_set) {
  const ExportOptions& options = subject.options;
  Int8Loss loss;
  loss.float_bytes = std::ssize(subject.model.parameters) * std::int64_t{sizeof(float)};
  loss.bytes = subject.int8.Bytes();
  loss.q = CompareQ(subject.vectors, subject.int8_q, subject.vectors.q);
  loss.episodes = options.episodes;
  play.seeds = EvaluationSeeds(options.seed, SeedList::kRandom, kRandomEpisodes);
  loss.random_return = Mean(ReturnsOf(PlayRandom(play)));
  play.seeds = data_set ? ConsecutiveSeeds(options.seed, SeedList::kApart, options.episodes)
                        : EvaluationSeeds(options.seed, SeedList::kApart, options.episodes);
  const auto played = PlayAll({{subject.model.network, subject.model.parameters},
                               {subject.model.network, subject.int8.Dequantize()}},
                              play);
  const auto floats = ReturnsOf(played[0].episodes), int8 = ReturnsOf(played[1].episodes);
  loss.float_return = Mean(floats);
  loss.int8_return = Mean(int8);
  Rng rng = MakeRng(options.seed, RngPurpose::kBootstrap, 1);
  loss.returns = ComparePaired(int8, floats, rng);
  if (const double worth = loss.float_return - loss.random_return; worth > 0) {
    loss.loss = -loss.returns.difference / worth;
    loss.loss_upper95 = -loss.returns.difference_ci95.low / worth;
  }
  return loss;
}

/// The model's row of the run's scoreboard; null without one.
Json ScoresOf(const StoredModel& model) {
  const fs::path file = RunOf(model.file) / "scoreboard.json";
  std::error_code error;
  if (!fs::exists(file, error)) return {};
  const Json board = Json::parse(ReadFile(file), nullptr, false);
  if (board.is_discarded() || !board.is_object()) {
    throw ConfigError(fmt::format("{}: not a JSON object", file.string()));
  }
  if (!board.contains("models") || !board["models"].is_object()) return {};
  return board["models"].contains(model.name) ? board["models"][model.name] : Json();
}

ModelCard CardOf(const Subject& subject, const EnvironmentSpec& environment) {
  const StoredModel& model = subject.model;
  ModelCard card{.version = subject.options.version,
                 .name = model.name,
                 .teacher = true,
                 .sources = {},
                 .network = model.network,
                 .latency_us = MeasureLatency(model.network, subject.options.seed),
                 .run = model.config->run.name,
                 .run_seed = model.config->run.seed,
                 .updates = model.updates,
                 .settings = model.config->env,
                 .environment = environment,
                 .scores = ScoresOf(model),
                 .seed = subject.options.seed,
                 .artefacts = {},
                 .int8 = {}};
  for (const auto& student : model.config->students) {
    if (student.name != model.name) continue;
    card.teacher = false;
    card.sources = student.from;
  }
  return card;
}

void Print(const ModelCard& card, const fs::path& folder, std::ostream& out) {
  fmt::print(out, "{}\n", folder.string());
  for (const auto& artefact : card.artefacts) {
    fmt::print(
        out, "  {:<24} {:>9} bytes  {}\n", artefact.files.front(), artefact.bytes.front(),
        artefact.equality
            ? fmt::format("at most {:.2g} off, {:.2f} % equal actions on {} observations",
                          artefact.equality->max_abs_difference,
                          100 * artefact.equality->equal_actions, artefact.equality->observations)
            : "not run: " + artefact.not_run);
  }
  if (!card.int8) return;
  fmt::print(out, "  int8: return {:.2f}, float32 {:.2f}, difference {:.3f} [{:.3f}, {:.3f}]",
             card.int8->int8_return, card.int8->float_return, card.int8->returns.difference,
             card.int8->returns.difference_ci95.low, card.int8->returns.difference_ci95.high);
  if (card.int8->loss_upper95) {
    fmt::print(out, "; at most {:.2f} % is lost", 100 * *card.int8->loss_upper95);
  }
  fmt::print(out, "\n");
}

}  // namespace

int RunExport(const ExportOptions& options, std::ostream& out) {
  CheckFormats(options.formats);
  const StoredModel model = ReadStoredModel(
      options.run + ":" + options.model,
      options.weights == "average" ? StoredWeights::kAverage : StoredWeights::kLast);
  if (!model.config) {
    throw ConfigError(fmt::format("{}: there is no config.yaml in it", options.run));
  }
  const EnvironmentSettings& where = model.config->env;
  const actors::EnvironmentMaker make(where.id, actors::OptionsOf(where));
  PlaySettings play;
  play.make_environment = [&] { return make(actors::EnvironmentUse::kEvaluation); };
  play.max_steps = static_cast<std::uint32_t>(model.config->evaluation.max_steps);
  play.threads = std::max(1U, std::thread::hardware_concurrency());
  const auto environment = play.make_environment();
  ExpectFits(model, environment->Spec());

  const QuantizedParameters int8 = QuantizedParameters::Quantize(model.network, model.parameters);
  Subject subject{options, model, int8,
                  MakeCheckVectors(model, *environment,
                                   EvaluationSeeds(options.seed, SeedList::kApart, kMostSeeds),
                                   play.max_steps, options.observations)};
  subject.int8_q = NativeQ(model.network, int8.Dequantize(), subject.vectors);
  const fs::path folder =
      options.out.empty() ? RunOf(model.file) / "exports" / model.name : fs::path(options.out) / "";
  Workshop workshop(fs::absolute(folder / "").parent_path());
  workshop.Write("observations.f32", std::span<const float>(subject.vectors.observations));
  workshop.Write("q.f32", std::span<const float>(subject.vectors.q));
  if (options.int8) workshop.Write("q_int8.f32", std::span<const float>(subject.int8_q));

  ModelCard card = CardOf(subject, environment->Spec());
  for (const bool eight_bits : {false, true}) {
    if (eight_bits && !options.int8) continue;
    for (const auto& format : options.formats) {
      card.artefacts.push_back(WriteArtefact(subject, format, eight_bits, workshop));
    }
  }
  if (options.int8) card.int8 = MeasureInt8(subject, play, where.id.starts_with("data/"));
  workshop.Write("card.json",
                 CardJson(card).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  workshop.Write("card.md", CardMarkdown(card));
  workshop.MoveOut();
  Print(card, folder, out);
  return 0;
}

}  // namespace stillhouse::cli
