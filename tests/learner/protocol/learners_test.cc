// Several learners of one teacher on a bus that delivers at once, with a teacher that is arithmetic
// by hand: its one parameter walks towards the mean reward of what it learns from.
#include <cmath>
#include <deque>
#include <memory>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "learner/protocol/follower_role.h"
#include "learner/protocol/learner_role.h"

namespace stillhouse::learner {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr std::int32_t kBatch = 12;
constexpr std::uint16_t kShards = 2;

/// A network of one input and two actions: what its state is checked as.
NetworkSpec TinyNetwork() {
  return NetworkSpec::Create({{.kind = LayerKind::kQHead}}, {ElementKind::kFloats, {1}}, 2);
}

TeacherState StateOf(float parameter) {
  const auto network = TinyNetwork();
  std::vector<float> parameters(static_cast<std::size_t>(network.ParameterCount()), parameter);
  ModelState model{network, 0, 0, parameters, parameters, {}, parameters, parameters, {}};
  return {0, 1.0, std::move(model)};
}

class WalkingTeacher final : public TeacherCompute {
 public:
  TeacherStep Update(const replay::Batch& batch) override {
    TeacherStep step = Gradient(batch);
    step.grad_norm = StepAlong(step.gradient);
    return step;
  }
  TeacherStep Gradient(const replay::Batch& batch) override {
    const auto rows = static_cast<float>(batch.Size());
    const float mean = std::accumulate(batch.rewards.begin(), batch.rewards.end(), 0.0F) / rows;
    TeacherStep step;
    step.loss = static_cast<double>(mean);
    step.td_errors.assign(batch.Size(), 1);
    step.gradient = {parameter_ - mean};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&parameter_);
    step.check = Crc32c({bytes, sizeof parameter_});
    return step;
  }
  double StepAlong(std::span<const float> gradient) override {
    parameter_ -= 0.1F * gradient[0];
    steps.push_back(gradient[0]);
    return static_cast<double>(std::abs(gradient[0]));
  }
  TeacherStep Label(const replay::Batch&) override { return {}; }
  std::vector<float> Parameters() const override { return {parameter_}; }
  void KeepBest(std::vector<float>, std::uint64_t) override {}
  void Freeze(FinalTeacher) override {}
  TeacherState Save() const override { return StateOf(parameter_); }
  void Load(const TeacherState& state) override { parameter_ = state.model.parameters.at(0); }
  void Disturb() { parameter_ += 1e-3F; }

  std::vector<float> steps;  ///< gradients followed

 private:
  float parameter_ = 0;
};

/// Does jobs when the test says so.
class SlowPort final : public TeacherPort {
 public:
  void Submit(TeacherJob job) override { jobs.push_back(std::move(job)); }
  std::deque<TeacherJob> jobs;
  WalkingTeacher compute;
};

class LearnersTest : public ::testing::Test, public Outbox {
 protected:
  explicit LearnersTest(std::uint16_t learners = 3, bool resuming = false) {
    TeacherSettings teacher;
    teacher.batch_size = kBatch;
    teacher.prefetch = 2;
    ReplaySettings replay;
    for (std::uint16_t l = 0; l < learners; ++l) ports_.push_back(std::make_unique<SlowPort>());
    LearnerRole::Settings lead;
    lead.learners = learners;
    lead.shards = kShards;
    lead.num_actions = 2;
    lead.teacher = teacher;
    lead.replay = replay;
    lead.resuming = resuming;
    lead_ = std::make_unique<LearnerRole>(lead, *ports_[0]);
    for (std::uint16_t l = 1; l < learners; ++l) {
      FollowerRole::Settings settings{l, learners, kShards, teacher, replay, 1, resuming};
      followers_.push_back(std::make_unique<FollowerRole>(settings, *ports_[l]));
    }
  }

  void Send(Envelope envelope) override { mail_.push_back(std::move(envelope)); }
  Role& RoleOf(std::uint16_t learner) {
    if (learner == 0) return *lead_;
    return *followers_.at(learner - 1U);
  }
  template <typename Body>
  void Say(RoleAddress from, std::uint16_t learner, const Body& body) {
    ByteWriter writer;
    body.Encode(writer);
    RoleOf(learner).Handle({from, {RoleKind::kLearner, learner}, Body::kKind, writer.Take()}, now_,
                           *this);
  }
  void Grant(std::uint64_t rows) { Say(kCoordinatorAddress, 0, SampleGrant{rows}); }
  std::uint16_t Learners() const { return static_cast<std::uint16_t>(ports_.size()); }

  /// Everything that can happen, but for jobs of `asleep`.
  void Play(const std::set<std::uint16_t>& asleep = {}) {
    for (bool any = true; any;) {
      any = DeliverAll();
      for (std::uint16_t l = 0; l < Learners(); ++l) {
        RoleOf(l).Tick(now_, *this);
        if (ports_[l]->jobs.empty() || asleep.contains(l)) continue;
        TeacherJob job = std::move(ports_[l]->jobs.front());
        ports_[l]->jobs.pop_front();
        auto outcome = Perform(ports_[l]->compute, std::move(job));
        if (l == 0) {
          lead_->OnDone(std::move(outcome), now_, *this);
        } else {
          followers_[l - 1U]->OnDone(std::move(outcome), now_, *this);
        }
        any = true;
      }
    }
  }
  bool DeliverAll() {
    const bool any = !mail_.empty();
    while (!mail_.empty()) {
      const Envelope envelope = std::move(mail_.front());
      mail_.pop_front();
      if (envelope.kind == MessageKind::kSampleRequest) {
        Answer(envelope);
      } else if (envelope.to.kind == RoleKind::kLearner) {
        RoleOf(envelope.to.index).Handle(envelope, now_, *this);
      } else if (envelope.kind == MessageKind::kLearnerReport) {
        report_ = DecodeBody<LearnerReport>(envelope);
      } else if (envelope.kind == MessageKind::kFailure) {
        failure_ = DecodeBody<Failure>(envelope).reason;
      }
    }
    return any;
  }
  /// The reward of a row is the offset at which it was drawn: no two are alike.
  void Answer(const Envelope& envelope) {
    if (silent_.contains(envelope.to.index)) return;
    const auto request = DecodeBody<SampleRequest>(envelope);
    SampleReply reply;
    reply.request = request.request;
    reply.totals = {10.0, 1.0, 10, 10};
    for (const double offset : request.offsets) {
      reply.handles.push_back(1);
      reply.priorities.push_back(1.0);
      reply.actions.push_back(0);
      reply.rewards.push_back(static_cast<float>(offset));
      reply.discounts.push_back(0.9F);
      reply.observations.push_back(1);
      reply.next_observations.push_back(2);
    }
    rows_ += request.offsets.size();
    Say(envelope.to, envelope.from.index, reply);
  }

  std::vector<std::unique_ptr<SlowPort>> ports_;
  std::unique_ptr<LearnerRole> lead_;
  std::vector<std::unique_ptr<FollowerRole>> followers_;
  std::deque<Envelope> mail_;
  std::set<std::uint16_t> silent_;  ///< shards that do not answer
  LearnerReport report_;
  std::string failure_;
  std::uint64_t rows_ = 0;  ///< handed out
  Time now_ = 1ms;
};

TEST_F(LearnersTest, EveryUpdateIsOneStepOfAllAlongTheMeanOfTheirGradients) {
  Grant(5 * kBatch);
  Play();
  EXPECT_EQ(lead_->Updates(), 5U);
  for (std::uint16_t l = 1; l < Learners(); ++l) {
    EXPECT_EQ(followers_[l - 1U]->Updates(), 5U);
    EXPECT_EQ(ports_[l]->compute.steps, ports_[0]->compute.steps);
    EXPECT_EQ(ports_[l]->compute.Parameters(), ports_[0]->compute.Parameters());
  }
  EXPECT_EQ(ports_[0]->compute.steps.size(), 5U);
}

TEST_F(LearnersTest, TogetherTheyDrawTheBatchAndNoRowMore) {
  Grant(3 * kBatch);
  Play();
  EXPECT_EQ(lead_->Updates(), 3U);
  EXPECT_EQ(rows_, 3U * kBatch);
  EXPECT_EQ(lead_->Samples(), 3U * kBatch);
}

TEST_F(LearnersTest, TheirBatchesDiffer) {
  Grant(kBatch);
  Play({1, 2});
  const auto& one = ports_[1]->jobs.front().batch.rewards;
  const auto& two = ports_[2]->jobs.front().batch.rewards;
  EXPECT_EQ(one.size(), static_cast<std::size_t>(kBatch) / 3);
  EXPECT_NE(one, two);
}

TEST_F(LearnersTest, AnUpdateWaitsForTheSlowestAndSaysForWhom) {
  Grant(5 * kBatch);
  Play({2});
  EXPECT_EQ(lead_->Updates(), 0U);
  now_ += 1s;
  lead_->Tick(now_, *this);
  DeliverAll();
  EXPECT_EQ(report_.wait, LearnerWait::kGradients);
  EXPECT_THAT(report_.owing_learners, ElementsAre(2));
  Play();
  EXPECT_EQ(lead_->Updates(), 5U);
}

TEST_F(LearnersTest, OtherParametersThanLearnerZerosEndTheRun) {
  Grant(2 * kBatch);
  ports_[2]->compute.Disturb();
  Play();
  EXPECT_EQ(lead_->Updates(), 0U);
  EXPECT_THAT(failure_, ::testing::HasSubstr("learner 2 has other parameters than learner 0"));
}

TEST_F(LearnersTest, DrawsThatDieWithAShardAreMadeAgain) {
  Grant(2 * kBatch);
  silent_ = {1};
  Play();
  EXPECT_EQ(lead_->Updates(), 0U);
  const RankDown down{4, "here", "gone", {{RoleKind::kShard, 1}}};
  for (std::uint16_t l = 0; l < Learners(); ++l) Say(kCoordinatorAddress, l, down);
  Play();
  EXPECT_EQ(lead_->Updates(), 2U);
  EXPECT_EQ(followers_[0]->Updates(), 2U);
}

TEST_F(LearnersTest, AShareThatNobodyWaitsForIsRefused) {
  GradientShare share{0, 4, 0, 0, 0, {1.0F}};
  EXPECT_THROW(Say({RoleKind::kLearner, 7}, 0, share), WireError);
  share.rows = 0;
  EXPECT_THROW(Say({RoleKind::kLearner, 1}, 0, share), WireError);
  EXPECT_THROW(Say({RoleKind::kLearner, 0}, 1, GradientMean{3, {1.0F}}), WireError);
}

class ResumedLearnersTest : public LearnersTest {
 protected:
  ResumedLearnersTest() : LearnersTest(2, /*resuming=*/true) {}
};

TEST_F(ResumedLearnersTest, AllBeginWithTheStateOfLearnerZero) {
  Grant(2 * kBatch);
  Play();
  EXPECT_EQ(lead_->Updates(), 0U);
  LearnerState state{.teacher = StateOf(2.5F)};
  state.updates = 40;
  const Restore restore{{{0, state.Encode()}}};
  for (std::uint16_t l = 0; l < Learners(); ++l) Say(kCoordinatorAddress, l, restore);
  Grant(2 * kBatch);
  Play();
  EXPECT_EQ(lead_->Updates(), 42U);
  EXPECT_EQ(followers_[0]->Updates(), 42U);
  EXPECT_EQ(ports_[1]->compute.Parameters(), ports_[0]->compute.Parameters());
  EXPECT_THROW(Say(kCoordinatorAddress, 1, restore), WireError);
}

}  // namespace
}  // namespace stillhouse::learner
