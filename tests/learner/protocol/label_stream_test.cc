#include "learner/protocol/label_stream.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/captured_outbox.h"

namespace stillhouse::learner {
namespace {

using namespace std::chrono_literals;
using testing_support::CapturedOutbox;

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
constexpr RoleAddress kHost0{RoleKind::kStudentHost, 0};
constexpr RoleAddress kHost1{RoleKind::kStudentHost, 1};

replay::Batch TwoRows() {
  replay::Batch batch;
  batch.handles = {1, 2};
  batch.weights = {1.0F, 0.5F};
  batch.observations = {10, 20};
  batch.next_observations = {11, 21};
  return batch;
}

TEST(LabelStreamTest, SendsOneMessageAHostWithTheLabelsOfBothRowKinds) {
  LabelStream stream(kLearner, 2, 2, {});
  CapturedOutbox out;
  stream.OnCredit({1, 0, 0}, 0, 0s);
  stream.OnCredit({1, 0, 0}, 1, 0s);
  stream.Publish(TwoRows(), {{1, 2, 3, 4, 5, 6, 7, 8}, {}, false, 42}, out);
  const auto messages = out.To<LabelledBatch>(kHost1);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].batch, 2U);
  EXPECT_EQ(messages[0].rows, 4U);
  EXPECT_EQ(messages[0].observations, (std::vector<std::uint8_t>{10, 20, 11, 21}));
  EXPECT_EQ(messages[0].labels.size(), 8U);
  EXPECT_EQ(messages[0].teacher_updates, 42U);
  EXPECT_EQ(out.To<LabelledBatch>(kHost0).size(), 1U);
}

TEST(LabelStreamTest, ActionsAreTruthsWhenTheExperienceIsADataSet) {
  for (const bool data : {false, true}) {
    LabelStream stream(kLearner, 1, 2, {data, false});
    CapturedOutbox out;
    stream.OnCredit({1, 0, 0}, 0, 0s);
    auto batch = TwoRows();
    batch.actions = {1, 0};
    stream.Publish(batch, {{1, 2, 3, 4}, {}, false, 1}, out);
    const std::vector<std::int32_t> expected = data ? batch.actions : std::vector<std::int32_t>{};
    EXPECT_EQ(out.To<LabelledBatch>(kHost0)[0].truths, expected);
  }
}

TEST(LabelStreamTest, LabelsCarrySourceVersionAndOtherChoices) {
  LabelStream stream(kLearner, 1, 2, {});
  CapturedOutbox out;
  stream.OnCredit({1, 0, 0}, 0, 0s);
  MadeLabels made{{1, 2, 3, 4}, {{{LabelChoice::kAverage, 40, {4, 3, 2, 1}}}}, false, 42, 7};
  stream.Publish(TwoRows(), made, out);
  const auto message = out.To<LabelledBatch>(kHost0).at(0);
  EXPECT_EQ(message.source, 0U);
  EXPECT_EQ(message.version, 7U);
  ASSERT_EQ(message.others.size(), 1U);
  EXPECT_EQ(message.others[0].choice, LabelChoice::kAverage);
  EXPECT_EQ(message.others[0].teacher_updates, 40U);
  EXPECT_EQ(message.others[0].labels, (std::vector<float>{4, 3, 2, 1}));
}

TEST(LabelStreamTest, RewardsRideAlongOnlyWhenSomeoneLearnsFromThem) {
  auto batch = TwoRows();
  batch.actions = {1, 0};
  batch.rewards = {0.5F, 2};
  batch.discounts = {0.9F, 0};
  for (const bool wanted : {false, true}) {
    LabelStream stream(kLearner, 1, 2, {false, wanted});
    CapturedOutbox out;
    stream.OnCredit({1, 0, 0}, 0, 0s);
    stream.Publish(batch, {{1, 2, 3, 4, 5, 6, 7, 8}, {}, false, 1}, out);
    const auto message = out.To<LabelledBatch>(kHost0).at(0);
    EXPECT_EQ(message.actions, wanted ? batch.actions : std::vector<std::int32_t>{});
    EXPECT_EQ(message.rewards, wanted ? batch.rewards : std::vector<float>{});
    EXPECT_EQ(message.discounts, wanted ? batch.discounts : std::vector<float>{});
  }
}

TEST(LabelStreamTest, AHostWithoutCreditIsSkippedAndCountedAndDelaysNobody) {
  LabelStream stream(kLearner, 2, 2, {});
  CapturedOutbox out;
  stream.OnCredit({1, 0, 0}, 0, 0s);
  stream.OnCredit({100, 0, 0}, 1, 0s);
  for (int i = 0; i < 50; ++i) stream.Publish(TwoRows(), {{1, 2, 3, 4}, {}, false, 1}, out);
  EXPECT_EQ(out.To<LabelledBatch>(kHost0).size(), 1U);
  EXPECT_EQ(out.To<LabelledBatch>(kHost1).size(), 50U);
  EXPECT_EQ(stream.Dropped(0), 49U);
  EXPECT_EQ(stream.Dropped(1), 0U);
  EXPECT_EQ(stream.Silence(0, 5s), Time(5s));
}

TEST(LabelStreamTest, DrawsOfTheTailAreNotCountedAsDropped) {
  LabelStream stream(kLearner, 1, 2, {});
  CapturedOutbox out;
  stream.Publish(TwoRows(), {{1, 2, 3, 4}, {}, true, 1}, out);
  EXPECT_EQ(stream.Dropped(0), 0U);
  EXPECT_TRUE(out.envelopes.empty());
}

TEST(LabelStreamTest, LagIsTheAgeOfTheLabelsLastLearntFrom) {
  LabelStream stream(kLearner, 1, 2, {});
  CapturedOutbox out;
  stream.OnCredit({2, 0, 0}, 0, 0s);
  stream.Publish(TwoRows(), {{1, 2, 3, 4}, {}, false, 100}, out);
  stream.OnCredit({1, 1, 100}, 0, 1s);
  EXPECT_EQ(stream.Lag(0, 130), 30U);
  EXPECT_EQ(stream.Silence(0, 9s), Time{});
}

TEST(LabelStreamTest, CreditFromAnUnknownHostIsRefused) {
  LabelStream stream(kLearner, 1, 2, {});
  EXPECT_THROW(stream.OnCredit({1, 0, 0}, 1, 0s), WireError);
}

TEST(LabelStreamTest, ADeadHostGetsNothingAndIsNotCountedAsDropping) {
  LabelStream stream(kLearner, 2, 2, {});
  CapturedOutbox out;
  stream.OnCredit({5, 0, 0}, 0, 0s);
  stream.OnCredit({5, 0, 0}, 1, 0s);
  stream.Publish(TwoRows(), {{1, 2, 3, 4}, {}, false, 1}, out);
  stream.HostDown(0);
  stream.OnCredit({5, 0, 0}, 0, 1s);  // sent before its death
  stream.Publish(TwoRows(), {{1, 2, 3, 4}, {}, false, 2}, out);
  EXPECT_EQ(out.To<LabelledBatch>(kHost0).size(), 1U);
  EXPECT_EQ(out.To<LabelledBatch>(kHost1).size(), 2U);
  EXPECT_EQ(stream.Dropped(0), 0U);
  EXPECT_EQ(stream.Silence(0, 60s), Time{});
  stream.HostDown(1);
  EXPECT_EQ(stream.MostCredits(), 0U);
}

}  // namespace
}  // namespace stillhouse::learner
