#include "common/config/config_print.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/config_load.h"

namespace stillhouse {
namespace {

using ::testing::HasSubstr;

RunConfig RoundTrip(const RunConfig& config) {
  return LoadConfigText(PrintConfig(config), "printed.yaml");
}

TEST(ConfigPrintTest, DefaultsLoadBackEqual) {
  const RunConfig config = LoadConfigText("env: {id: classic/cart_pole}", "c.yaml");
  EXPECT_EQ(RoundTrip(config), config);
}

TEST(ConfigPrintTest, EverythingChangedLoadsBackEqual) {
  const RunConfig config = LoadConfigText(
      R"(
run: {name: "7", seed: 9000000000000000, dir: "a b/ü: #x\"\\\t", token: "#x:y", deterministic: true}
env: {id: minatar/asterix, options: {sticky_action_prob: 0.123456789012345678, difficulty_ramping: false}}
actors: {hosts: 2, workers: 5, envs_per_worker: 3, chunk_steps: 7, shards_per_worker: 2,
         exploration: {kind: ladder, epsilon: 0.3, alpha: 6}, listen: "[::1]:70"}
replay: {shards: 3, capacity: 7000, alpha: 0, beta: 1, min_size: 100, samples_per_insert: 0.1,
         tolerance: 1e9, n_step: 1, discount: 0.9, priority_epsilon: 1e-9, draw: multinomial,
         weight_normalization: store}
teacher:
  network: {layers: [{conv2d: {filters: 3, kernel: 2, stride: 2, padding: 1}}, tanh, flatten, q_head]}
  algorithm: {double: false, loss: huber, huber_delta: 0.5}
  optimizer: {kind: rmsprop, centered: true, momentum: 0.9, alpha: 0.95, learning_rate: 1.0e-3}
  batch_size: 17
  device: cuda:1
  final: last
students:
  b: {loss: {kind: kl, temper: both, temperature: 2, tau_squared: true, weighted: true}, rows: s}
  a: {loss: {kind: nll}, optimizer: {beta1: 0.8}, network: {layers: [flatten, {linear: 4}, relu, q_head]}}
  "true": {loss: {kind: mse}}
  c: {loss: {kind: dkd, temperature: {from: 4, to: 0.5, updates: 20000}, target_weight: 2,
             non_target_weight: 0.5, soft_weight: {from: 0, to: 1, updates: 7}, hard_weight: 0.25}}
evaluation: {every: 1000 updates, episodes: 1, epsilon: 0.05}
stop: {time: 290s, teacher_return: -3.5, updates: 12, distill_tail: 0}
monitor: {log_every: 5000 frames}
)",
      "c.yaml");
  EXPECT_EQ(RoundTrip(config), config);
  EXPECT_EQ(config.students[0].name, "b");
  EXPECT_EQ(config.env.sticky_action_prob, 0.123456789012345678);
  EXPECT_FALSE(config.stop.frames.has_value());
}

TEST(ConfigPrintTest, ShowsWhatIsOffUntilItIsBuilt) {
  const std::string text =
      PrintConfig(LoadConfigText("{env: {id: minatar/breakout}, students: {s: {}}}", "c.yaml"));
  for (const char* line :
       {"  durability: async\n", "  compression: auto\n", "checkpoint:\n  every: 300s\n",
        "  http: off\n", "  tensorboard: false\n", "  learners: 1\n", "    from: [teacher]\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

// To renew the page: STILLHOUSE_UPDATE_DOCS=1 build/tests/config_test
TEST(ConfigPrintTest, TheDocumentationPageIsUpToDate) {
  const std::string path = STILLHOUSE_SOURCE_DIR "/docs/configuration.md";
  if (std::getenv("STILLHOUSE_UPDATE_DOCS") != nullptr) std::ofstream(path) << DocumentConfig();
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), DocumentConfig()) << "renew it with STILLHOUSE_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace stillhouse
