// What a run leaves on disk to go on from: manifests, the parts of a checkpoint, small JSON files.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/run/checkpoint_manifest.h"
#include "common/run/coordinator_state.h"
#include "common/run/run_directory.h"
#include "common/run/score_keeper.h"
#include "learner/protocol/checkpoint_state.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/round_trip.h"

namespace stillhouse::fuzz {
namespace {

using Json = nlohmann::ordered_json;

ModelState SampleModel() {
  ModelState state{.network = NetworkSpec::Create({{.kind = LayerKind::kQHead}},
                                                  {ElementKind::kFloats, {2}}, 2)};
  state.parameters = {1, 2, 3, 4, 5, 6};
  state.first = state.second = state.parameters;
  return state;
}

/// States are written by Encode() and read by Decode(bytes).
template <typename State>
FuzzTarget States(std::string name, const State& sample) {
  FuzzTarget target{.name = std::move(name), .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] {
                        const Bytes again = State::Decode(input).Encode();
                        if (!std::equal(again.begin(), again.end(), input.begin(), input.end())) {
                          throw std::logic_error("written again it is other bytes");
                        }
                      });
                    }};
  target.seeds = {sample.Encode()};
  return target;
}

FuzzTarget Scores() {
  const std::vector<ModelFacts> models = {{.name = "teacher"}, {.name = "small"}};
  FuzzTarget target{.name = "scores", .read = [models](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] {
                        ScoreKeeper keeper(models, 1);
                        ByteReader in(input, "scores");
                        keeper.Load(in);
                        in.ExpectEnd();
                      });
                    }};
  ByteWriter none;
  const ScoreKeeper keeper(models, 1);
  keeper.Save(none);
  target.seeds = {none.Take()};
  target.seeds.push_back(target.seeds.front());
  target.seeds.back()[9] = 1;  // with the live teacher's statistics: forty bytes more
  target.seeds.back().insert(target.seeds.back().begin() + 10, 40, 0);
  return target;
}

// ---- JSON ------------------------------------------------------------------------------------

std::string_view TextOf(const Bytes& bytes) { return AsText(bytes); }

/// A manifest whose checksum, and those of the files, are right.
void RepairManifest(Bytes& input) {
  Json json = Json::parse(TextOf(input), nullptr, false);
  if (!json.is_object()) return;
  json.erase("crc32c");
  const std::string bare = json.dump();
  json["crc32c"] = Crc32c({reinterpret_cast<const std::uint8_t*>(bare.data()), bare.size()});
  input = FromText(json.dump());
}

FuzzTarget Manifests() {
  FuzzTarget target{.name = "manifest", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] {
                        const auto manifest = ParseManifest(AsText(input), "manifest");
                        ParseManifest(PrintManifest(manifest), "printed");
                      });
                    }};
  CheckpointManifest manifest;
  manifest.facts = {
      .updates = 7, .frames = 99, .attempt = 2, .phase = "tail", .reused = {{"s", 2}}};
  manifest.files = {{"teacher.state", 40, 17}, {"coordinator.state", 3, 4000000000}};
  const std::string text = PrintManifest(manifest);
  target.seeds = {FromText(text), FromText(Json::parse(text).dump())};
  target.repair = RepairManifest;
  target.words = {"\"files\":",
                  "\"name\":",
                  "\"teacher.state\"",
                  "\"../x\"",
                  "\"bytes\":",
                  "\"crc32c\":",
                  "\"reused\":",
                  "null",
                  "[",
                  "]",
                  "{",
                  "}",
                  "1e999",
                  "-1",
                  "1.5",
                  "\"format\": \"1\"",
                  "\"\\u0000\"",
                  "true",
                  "\"phase\":",
                  "[[[[[[[[[[[[[[[[[[",
                  "\"attempt\":",
                  "18446744073709551615"};
  target.text = true;
  return target;
}

FuzzTarget RunFiles() {
  FuzzTarget target{.name = "run_files", .read = [](auto input, std::string& why) {
                      const bool status = ParseRunStatus(AsText(input)).has_value();
                      return Accepts<WireError>(
                                 why, [&] { ParseEndpoints(AsText(input), "endpoints"); }) ||
                             status;
                    }};
  target.seeds = {FromText(R"({"shards": ["127.0.0.1:4000", "[::1]:5"]})"),
                  FromText(R"({"status": "done", "reason": "", "exit_status": 0, "attempt": 3})")};
  target.words = {"\"shards\":", "\"status\":", "\"attempt\":", "-1", "1e9", "null", "[", "]", "{"};
  target.text = true;
  return target;
}

}  // namespace

std::vector<FuzzTarget> CheckpointTargets() {
  CoordinatorState coordinator;
  coordinator.scores = {1, 2, 3};
  const learner::LearnerState learner{.updates = 3, .teacher = {.model = SampleModel()}};
  const learner::StudentState student{
      .updates = 3,
      .memory = {SampleModel(), {2, {1, 2}, {3, 4}, {5, 6}, {}}, {1, {1}, {}, {2}, {}}}};
  return {States("coordinator_state", coordinator),
          States("learner_state", learner),
          States("student_state", student),
          Scores(),
          Manifests(),
          RunFiles()};
}

}  // namespace stillhouse::fuzz
