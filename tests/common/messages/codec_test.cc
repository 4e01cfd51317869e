// Every codec of common/messages against the same four demands: the bytes are as many as the
// format says (counted by hand), decoding and encoding again gives the same bytes, every shorter
// and every longer message is refused, and damaged bytes never do worse than WireError.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/messages/control.h"
#include "common/messages/evaluation.h"
#include "common/messages/gradients.h"
#include "common/messages/labels.h"
#include "common/messages/rank_down.h"
#include "common/messages/sampling.h"
#include "common/messages/worker_plane.h"

namespace stillhouse {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <typename Message>
Bytes Encoded(const Message& message) {
  ByteWriter writer;
  message.Encode(writer);
  return writer.Take();
}

template <typename Message>
Message Decoded(const Bytes& bytes) {
  ByteReader reader(bytes, "test");
  Message message = Message::Decode(reader);
  reader.ExpectEnd();
  return message;
}

struct Codec {
  std::string name;
  Bytes sample;
  std::size_t bytes_by_hand;
  std::size_t size_hint;                             ///< 0: has none
  std::function<Bytes(const Bytes&)> decode_encode;  ///< may throw WireError
};

template <typename Message>
Codec Make(std::string name, const Message& sample, std::size_t bytes_by_hand) {
  std::size_t hint = 0;
  if constexpr (requires { sample.SizeHint(); }) hint = sample.SizeHint();
  return {std::move(name), Encoded(sample), bytes_by_hand, hint,
          [](const Bytes& bytes) { return Encoded(Decoded<Message>(bytes)); }};
}

constexpr std::size_t kTotalsBytes = 8 + 8 + 8 + 8;
const ShardTotals kTotals{.mass = 12.5, .min_priority = 0.25, .size = 7, .inserted = 9};

std::vector<Codec> SamplingCodecs() {
  SampleReply reply{.request = 3,
                    .totals = kTotals,
                    .handles = {11, 12},
                    .priorities = {0.5, 0.75},
                    .actions = {1, 5},
                    .rewards = {-1, 2},
                    .discounts = {0, 0.97F},
                    .observations = {1, 2, 3, 4, 5, 6},
                    .next_observations = {6, 5, 4, 3, 2, 1}};
  SampleReply nothing;
  nothing.request = 1;
  return {Make("SampleRequest", SampleRequest{4, 12.5, {0.5, 3.25, 11}}, 8 + 8 + 4 + 3 * 8),
          Make("SampleReply", reply, 8 + kTotalsBytes + 4 + 2 * (8 + 8 + 4 + 4 + 4) + 2 * (4 + 6)),
          Make("SampleReply of nothing", nothing, 8 + kTotalsBytes + 4 + 4 + 4),
          Make("PriorityUpdate", PriorityUpdate{{1, 2, 3}, {0.5F, 1, 2}}, 4 + 3 * (8 + 4))};
}

std::vector<Codec> LabelCodecs() {
  LabelledBatch batch{.learner = 1,
                      .sequence = 17,
                      .teacher_updates = 1000,
                      .frozen = true,
                      .batch = 2,
                      .rows = 4,
                      .num_actions = 3,
                      .weights = {1, 0.5F},
                      .labels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                      .truths = {2, 0},
                      .observations = {1, 2, 3, 4, 5, 6, 7, 8}};
  const std::size_t plain =
      2 + 8 + 2 + 8 + 8 + 1 + 4 + 4 + 4 + 2 * 4 + 12 * 4 + (4 + 2 * 4) + 1 + 1 + 4 + 1 + (4 + 8);
  LabelledBatch full = batch;
  full.others = {{LabelChoice::kAverage, 990, batch.labels},
                 {LabelChoice::kLagged, 5, batch.labels}};
  full.features = {{6, {1, 2, 3, 4}}};
  full.shared = {0.5F, -1};
  full.actions = {2, 0};
  full.rewards = {1, -1};
  full.discounts = {0.5F, 0};
  return {
      Make("LabelledBatch", batch, plain),
      Make("LabelledBatch with everything", full,
           plain + 2 * (1 + 8 + 12 * 4) + (2 + 4 + 4 * 4) + 2 * 4 + 3 * 2 * 4),
      Make("Credit", Credit{3, 17, 990}, 4 + 8 + 8),
      Make("WeightsPublish", WeightsPublish{2, 7, 4, {0.5F, -1}, 9}, 2 + 8 + 4 + 4 + 2 * 4 + 8)};
}

std::vector<Codec> ControlCodecs() {
  const LayerChanges changes{{"0", "head"}, {0.5F, 1}, {{"teacher", {1, 2}, {0.5F, -0.5F}}}};
  const ShardReport shard{.totals = kTotals,
                          .bytes = 4096,
                          .frames = 640,
                          .insert_blocked = true,
                          .epsilon_mean = 0.5,
                          .weights_lag_p99 = 3,
                          .home_workers = {77, 78},
                          .episodes = {{12, 340}},
                          .action_counts = {4, 5},
                          .visited = std::vector<std::uint8_t>(4096, 3)};
  const LearnerReport learner{.updates = 100,
                              .samples = 3200,
                              .tail_batches = 5,
                              .version = 2,
                              .loss = 0.25,
                              .q_mean = 3,
                              .grad_norm = 9,
                              .sample_blocked = true,
                              .wait = LearnerWait::kReplies,
                              .owing_shards = {1, 2, 3},
                              .owing_learners = {1},
                              .dropped = {1, 2},
                              .lag_updates = {3, 4},
                              .silent_ms = {5, 6}};
  const RankReport rank{
      .rank = 3, .roles = "shard", .host = "n1", .pid = 99, .busy = 0.5, .rss_bytes = 1 << 20};
  return {
      Make("RunStatus", RunStatus{RunPhase::kTail, 10, 20, {1}, {1, 0.5F}, 7},
           1 + 8 + 8 + (4 + 2) + (4 + 2 * 4) + 4),
      Make("RankDown", RankDown{3, "n1", "gone", {{RoleKind::kShard, 1}}},
           4 + (4 + 2) + (4 + 4) + 4 + 3),
      Make("ShardReport", shard,
           kTotalsBytes + 8 + 8 + 1 + 8 + 4 + (4 + 2 * 8) + (4 + 8) + (4 + 2 * 8) + (4 + 4096)),
      Make("InsertGrant", InsertGrant{5000}, 8),
      Make("SampleGrant", SampleGrant{6000}, 8),
      Make("LearnerReport", learner,
           4 * 8 + 3 * 8 + 1 + 1 + (4 + 3 * 2) + (4 + 2) + 3 * (4 + 2 * 8)),
      Make("StudentReport", StudentReport{{{1, 50, 2, 0.5, 0.9, 7, 9, 1, 3}, {2, 49, 1, 0.6, 0.8}}},
           4 + 2 * (2 + 8 + 8 + 8 + 8 + 8 + 8 + 8 + 8 + 4)),
      Make("StudentReport with changes", StudentReport{{{.model = 1, .changes = changes}}},
           4 + 66 + 4 + (4 + 1) + (4 + 4) + 2 * 4 + (4 + 7) + 4 * 4),
      Make("HostReport", HostReport{4, 1, 1}, 4 + 8 + 8),
      Make("RankReport", rank, 4 + (4 + 5) + (4 + 2) + 8 + 8 + 8),
      Make("BatchGrant", BatchGrant{7}, 8),
      Make("GradientShare", GradientShare{5, 16, 0.5, 2, 77, {0.25F, -1, 3}},
           8 + 4 + 8 + 8 + 4 + 4 + 3 * 4),
      Make("GradientMean", GradientMean{5, {0.25F, -1}}, 8 + 4 + 2 * 4),
      Make("Freeze", Freeze{}, 0),
      Make("Frozen", Frozen{{{0, 7, 700, {1, 2, 3}}, {1, 6, 650, {4}}}},
           4 + 2 * (2 + 8 + 8 + 4) + (3 + 1) * 4),
      Make("Frozen of nobody", Frozen{}, 4),
      Make("Failure", Failure{"disk full"}, 4 + 9),
      Make("Leave", Leave{}, 0),
      Make("Left", Left{}, 0),
      Make("Endpoint", Endpoint{"127.0.0.1:9"}, 4 + 11),
      Make("EndpointTable", EndpointTable{{"a:1", "b:22"}, "secret"}, 4 + (4 + 3) + (4 + 4) + 10),
  };
}

std::vector<Codec> EvaluationCodecs() {
  constexpr std::size_t kVersionBytes = 2 + 8 + 8;
  const ModelVersion teacher{0, 5, 500};
  const ModelVersion student{1, 4, 450};
  const EvaluationTask task{.task = 9,
                            .round = 2,
                            .worker = 77,
                            .player = student,
                            .epsilon = 0.05,
                            .max_steps = 100,
                            .seeds = {1, 2, 3},
                            .reference = teacher,
                            .compare = {student}};
  const EvaluationResult result{.task = 9,
                                .round = 2,
                                .player = 1,
                                .episodes = {{1, 2.5F, 30}, {2, 3.5F, 40}},
                                .comparisons = {{1, 70, 65, 0.5, 0.25, 30, 28, 2}}};
  return {
      Make("PinRequest", PinRequest{2}, 4),
      Make("Pinned", Pinned{2, {teacher, student}}, 4 + 4 + 2 * kVersionBytes),
      Make("EvaluationTask", task,
           8 + 4 + 8 + kVersionBytes + 8 + 4 + (4 + 3 * 8) + kVersionBytes + (4 + kVersionBytes)),
      Make("EvaluationResult", result,
           8 + 4 + 2 + (4 + 2 * (8 + 4 + 4)) + (4 + (2 + 8 + 8 + 5 * 8))),
      Make("EvaluationRelease", EvaluationRelease{2}, 4),
  };
}

/// A worker that does not know its environment yet.
Hello StrangersHello() {
  Hello hello;
  hello.token = "token";
  hello.incarnation = 42;
  return hello;
}

std::vector<Codec> WorkerCodecs() {
  const EnvironmentSpec environment{.id = "x",
                                    .observation = {ElementKind::kBits, {2, 3}},
                                    .num_actions = 2,
                                    .action_names = {"no", "go"},
                                    .canonical_action = {0, 1},
                                    .time_limit = 7};
  constexpr std::size_t kEnvironmentBytes =
      (4 + 1) + (1 + 4 + 2 * 8) + 4 + (4 + 2 * (4 + 2)) + (4 + 2 * 4) + 4;
  return {
      Make("Hello", Hello{"token", kWorkerProtocolVersion, 42, true, environment},
           (4 + 5) + 2 + 8 + 1 + 1 + kEnvironmentBytes),
      Make("Hello of a stranger", StrangersHello(), (4 + 5) + 2 + 8 + 1 + 1),
      Make("Welcome", Welcome{1, 2, "a: b", 6}, 4 + 4 + (4 + 4) + 8),
      Make("Ack", Ack{6, 1000}, 8 + 8),
      Make("WorkerStatus", WorkerStatus{{RunPhase::kTrain, 1, 2, {}}, 3, 4, 5}, 17 + 4 + 8 + 8 + 8),
      Make("WeightsRequest", WeightsRequest{1, 0}, 2 + 8),
      Make("WeightsReply", WeightsReply{1, 3, {1, 2, 3}}, 2 + 8 + 4 + 3 * 4),
      Make("WorkerReport", WorkerReport{{{3, 4}}, 0.5, true}, (4 + 8) + 8 + 1),
      Make("EnvironmentSpec", environment, kEnvironmentBytes),
      Make("TensorSpec", environment.observation, 1 + 4 + 2 * 8),
      Make("ShardTotals", kTotals, kTotalsBytes),
  };
}

std::vector<Codec> AllCodecs() {
  std::vector<Codec> all;
  for (const auto& group :
       {SamplingCodecs(), LabelCodecs(), ControlCodecs(), EvaluationCodecs(), WorkerCodecs()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

class MessageCodecTest : public testing::TestWithParam<Codec> {};

TEST_P(MessageCodecTest, WritesAsManyBytesAsTheFormatSays) {
  EXPECT_EQ(GetParam().sample.size(), GetParam().bytes_by_hand);
}

TEST_P(MessageCodecTest, SizeHintIsNeverTooSmall) {
  if (GetParam().size_hint == 0) return;
  EXPECT_GE(GetParam().size_hint, GetParam().sample.size());
}

TEST_P(MessageCodecTest, DecodesToWhatWasEncoded) {
  EXPECT_EQ(GetParam().decode_encode(GetParam().sample), GetParam().sample);
}

TEST_P(MessageCodecTest, RefusesEveryTruncation) {
  const Bytes& sample = GetParam().sample;
  for (std::size_t size = 0; size < sample.size(); ++size) {
    const Bytes cut(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(GetParam().decode_encode(cut), WireError) << "cut to " << size;
  }
}

TEST_P(MessageCodecTest, RefusesBytesLeftOver) {
  Bytes longer = GetParam().sample;
  longer.push_back(0);
  EXPECT_THROW(GetParam().decode_encode(longer), WireError);
}

TEST_P(MessageCodecTest, SurvivesDamagedBytes) {
  Rng rng(20240117);
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes = GetParam().sample;
    if (bytes.empty()) return;
    for (std::uint64_t flips = 1 + rng.Below(4); flips > 0; --flips) {
      bytes[rng.Below(bytes.size())] = static_cast<std::uint8_t>(rng.Below(256));
    }
    try {
      // What is accepted is a value: it encodes to the bytes that it came from.
      EXPECT_EQ(GetParam().decode_encode(bytes), bytes);
    } catch (const WireError&) {
    }
  }
}

TEST_P(MessageCodecTest, SurvivesRandomBytes) {
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes(rng.Below(200));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.Below(256));
    try {
      GetParam().decode_encode(bytes);
    } catch (const WireError&) {
    }
  }
}

TEST_P(MessageCodecTest, AllocatesNothingForCountsThatTheBytesCannotHold) {
  const Bytes& sample = GetParam().sample;
  for (std::size_t at = 0; at + 4 <= sample.size(); ++at) {
    Bytes bytes = sample;
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = 0xff;
    try {
      // A count of 4 G elements would end in bad_alloc or in minutes of work.
      GetParam().decode_encode(bytes);
    } catch (const WireError&) {
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, MessageCodecTest, testing::ValuesIn(AllCodecs()),
                         [](const auto& test) {
                           std::string name = test.param.name;
                           std::erase(name, ' ');
                           return name;
                         });

TEST(DecodeBodyTest, NamesTheMessageThatDoesNotFit) {
  const Envelope envelope{{}, {}, MessageKind::kCredit, {1, 2}};
  try {
    DecodeBody<Credit>(envelope);
    FAIL() << "accepted";
  } catch (const WireError& error) {
    EXPECT_NE(std::string(error.what()).find("credit"), std::string::npos) << error.what();
  }
}

TEST(HelloTest, RefusesAnotherProtocolVersion) {
  Bytes bytes = Encoded(StrangersHello());
  bytes[9] = 99;  // length (4), "token", protocol
  EXPECT_THROW(Decoded<Hello>(bytes), WireError);
}

TEST(SampleReplyTest, RefusesObservationsThatDoNotDivide) {
  const SampleReply reply{.request = 1,
                          .totals = {},
                          .handles = {1, 2},
                          .priorities = {1, 1},
                          .actions = {0, 0},
                          .rewards = {0, 0},
                          .discounts = {1, 1},
                          .observations = {1, 2, 3},
                          .next_observations = {1, 2, 3}};
  EXPECT_THROW(Decoded<SampleReply>(Encoded(reply)), WireError);
}

TEST(LabelledBatchTest, RefusesRowsThatAreNeitherOnceNorTwiceTheBatch) {
  LabelledBatch batch;
  batch.batch = 2;
  batch.rows = 3;
  batch.num_actions = 1;
  batch.weights = {1, 1};
  batch.labels = {1, 2, 3};
  batch.observations = {1, 2, 3};
  EXPECT_THROW(Decoded<LabelledBatch>(Encoded(batch)), WireError);
}

TEST(LabelledBatchTest, RefusesFeaturesThatAreNotOfEveryRow) {
  LabelledBatch batch;
  batch.batch = batch.rows = 2;
  batch.num_actions = 1;
  batch.weights = batch.labels = {1, 2};
  batch.observations = {1, 2};
  batch.features = {{3, {1, 2, 3, 4}}};
  EXPECT_EQ(Decoded<LabelledBatch>(Encoded(batch)).FeaturesOf(3)->values.size(), 4U);
  EXPECT_EQ(Decoded<LabelledBatch>(Encoded(batch)).FeaturesOf(2), nullptr);
  batch.features[0].values.pop_back();
  EXPECT_THROW(Decoded<LabelledBatch>(Encoded(batch)), WireError);
  batch.features[0].values.clear();
  EXPECT_THROW(Decoded<LabelledBatch>(Encoded(batch)), WireError);
}

}  // namespace
}  // namespace stillhouse
