#include "actors/env/vector_environment.h"

#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "common/base/rng.h"

namespace stillhouse::actors {
namespace {

// Counts its steps and shows (episode, step). Action 1 terminates; the third step truncates.
class Counter final : public Environment {
 public:
  Counter() {
    spec_.id = "test/counter";
    spec_.observation = {ElementKind::kBytes, {2}};
    spec_.num_actions = 2;
    spec_.action_names = {"go", "end"};
    spec_.canonical_action = {0, 1};
    spec_.time_limit = 3;
  }
  const EnvironmentSpec& Spec() const override { return spec_; }
  void Seed(std::uint64_t seed) override { episode_ = static_cast<std::uint8_t>(seed); }
  void Reset() override {
    ++episode_;
    step_ = 0;
  }
  StepResult Step(std::int32_t action) override {
    ++step_;
    return {.reward = 0.5F + static_cast<float>(step_),
            .terminated = action == 1,
            .truncated = step_ == 3};
  }
  void Observe(std::span<std::uint8_t> packed) const override {
    packed[0] = episode_;
    packed[1] = step_;
  }
  void Save(ByteWriter& out) const override {
    out.Put(episode_);
    out.Put(step_);
  }
  void Load(ByteReader& in) override {
    episode_ = in.Get<std::uint8_t>();
    step_ = in.Get<std::uint8_t>();
  }

 private:
  EnvironmentSpec spec_;
  std::uint8_t episode_ = 0;
  std::uint8_t step_ = 0;
};

using Bytes = std::vector<std::uint8_t>;

Bytes ToBytes(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

void StepWith(VectorEnvironment& environments, std::vector<std::int32_t> actions) {
  environments.Step(actions);
}

VectorEnvironment MakeCounters(std::vector<std::uint64_t> seeds) {
  std::vector<std::unique_ptr<Environment>> list;
  for (std::size_t e = 0; e < seeds.size(); ++e) list.push_back(std::make_unique<Counter>());
  VectorEnvironment environments(std::move(list));
  environments.Reset(seeds);
  return environments;
}

TEST(VectorEnvironmentTest, ResetGivesTheFirstObservations) {
  const auto environments = MakeCounters({10, 20});
  EXPECT_EQ(ToBytes(environments.Observations()), (Bytes{11, 0, 21, 0}));
  EXPECT_FALSE(environments.Done(0));
}

TEST(VectorEnvironmentTest, FinishedEnvironmentIsResetAndItsLastStateKept) {
  auto environments = MakeCounters({10, 20});
  StepWith(environments, {0, 1});
  EXPECT_EQ(ToBytes(environments.Observations()), (Bytes{11, 1, 22, 0}));
  EXPECT_EQ(ToBytes(environments.FinalObservation(0)), (Bytes{11, 1}));
  EXPECT_EQ(ToBytes(environments.FinalObservation(1)), (Bytes{21, 1}));
  EXPECT_FALSE(environments.Done(0));
  EXPECT_TRUE(environments.Terminated()[1]);
  EXPECT_FALSE(environments.Truncated()[1]);
  StepWith(environments, {0, 0});
  EXPECT_FALSE(environments.Done(1));
  EXPECT_EQ(ToBytes(environments.FinalObservation(1)), (Bytes{22, 1}));
}

TEST(VectorEnvironmentTest, TruncationIsToldApart) {
  auto environments = MakeCounters({0});
  for (int i = 0; i < 3; ++i) StepWith(environments, {0});
  EXPECT_FALSE(environments.Terminated()[0]);
  EXPECT_TRUE(environments.Truncated()[0]);
}

TEST(VectorEnvironmentTest, CountsReturnsAndLengthsAndHandsFinishedEpisodesOverOnce) {
  auto environments = MakeCounters({0, 0});
  StepWith(environments, {0, 0});
  StepWith(environments, {1, 0});
  EXPECT_EQ(environments.EpisodeReturn(0), 0);
  EXPECT_EQ(environments.EpisodeLength(0), 0);
  EXPECT_EQ(environments.EpisodeReturn(1), 4);  // 1.5 + 2.5
  EXPECT_EQ(environments.EpisodeLength(1), 2);
  const auto finished = environments.TakeFinishedEpisodes();
  ASSERT_EQ(finished.size(), 1U);
  EXPECT_EQ(finished[0].environment, 0U);
  EXPECT_EQ(finished[0].episode_return, 4);
  EXPECT_EQ(finished[0].length, 2);
  EXPECT_TRUE(environments.TakeFinishedEpisodes().empty());
}

TEST(VectorEnvironmentTest, LoadContinuesIdentically) {
  const auto make = [] {
    std::vector<std::unique_ptr<Environment>> list;
    for (int e = 0; e < 3; ++e) list.push_back(MakeEnvironment("minatar/breakout"));
    return VectorEnvironment(std::move(list));
  };
  auto original = make();
  original.Reset(std::vector<std::uint64_t>{1, 2, 3});
  Rng rng(4);
  const auto step_with = [](VectorEnvironment& environments, Rng& actions_rng) {
    std::vector<std::int32_t> actions(environments.Size());
    for (auto& action : actions) action = static_cast<std::int32_t>(actions_rng.Below(6));
    environments.Step(actions);
  };
  for (int i = 0; i < 100; ++i) step_with(original, rng);

  ByteWriter out;
  original.Save(out);
  const auto saved = out.Take();
  auto copy = make();
  ByteReader in(saved, "environments");
  copy.Load(in);
  in.ExpectEnd();
  Rng same_rng = rng;
  EXPECT_EQ(ToBytes(copy.Observations()), ToBytes(original.Observations()));
  for (int i = 0; i < 100; ++i) {
    step_with(original, rng);
    step_with(copy, same_rng);
    ASSERT_EQ(ToBytes(copy.Observations()), ToBytes(original.Observations()));
    ASSERT_EQ(copy.EpisodeReturn(1), original.EpisodeReturn(1));
  }
  const auto expected = original.TakeFinishedEpisodes();
  const auto found = copy.TakeFinishedEpisodes();
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].length, expected[i].length);
}

TEST(VectorEnvironmentTest, LoadRefusesAnotherNumberOfEnvironments) {
  auto two = MakeCounters({1, 2});
  auto three = MakeCounters({1, 2, 3});
  ByteWriter out;
  two.Save(out);
  const auto saved = out.Take();
  ByteReader in(saved, "environments");
  EXPECT_THROW(three.Load(in), WireError);
}

}  // namespace
}  // namespace stillhouse::actors
