// The cluster plane's messages, the worker plane's frames and their bodies.
#include <algorithm>
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/messages/checkpoint.h"
#include "common/messages/control.h"
#include "common/messages/evaluation.h"
#include "common/messages/gradients.h"
#include "common/messages/labels.h"
#include "common/messages/rank_down.h"
#include "common/messages/sampling.h"
#include "common/messages/worker_plane.h"
#include "common/net/frame.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/round_trip.h"

namespace stillhouse::fuzz {
namespace {

struct Codec {
  std::vector<Bytes> samples;
  std::function<void(std::span<const std::uint8_t>)> read;
};
using Codecs = std::map<std::uint8_t, Codec>;

template <typename Body>
void Add(Codecs& codecs, std::uint8_t kind, const Body& sample) {
  codecs[kind] = {{Encoded(sample)}, [](auto bytes) { DecodedAlike<Body>(bytes); }};
}
template <typename Body>
void Add(Codecs& codecs, const Body& sample) {
  Add(codecs, static_cast<std::uint8_t>(Body::kKind), sample);
}

EvaluationTask SampleTask() {
  EvaluationTask task;
  task.task = 9;
  task.worker = 77;
  task.seeds = {1, 2, 3};
  task.compare = {{1, 4, 5}};
  return task;
}

EvaluationResult SampleResult() {
  return {.task = 9,
          .round = 2,
          .player = 1,
          .episodes = {{1, 2.5F, 30}},
          .comparisons = {{1, 70, 65, 0.5, 0.25, 30, 28, 2}}};
}

EnvironmentSpec SampleEnvironment() {
  return {.id = "x/y",
          .observation = {ElementKind::kBits, {2, 3, 3}},
          .num_actions = 2,
          .action_names = {"no", "go"},
          .canonical_action = {0, 1},
          .time_limit = 7};
}

void AddTraining(Codecs& codecs) {
  const ShardTotals totals{.mass = 12.5, .min_priority = 0.25, .size = 7, .inserted = 9};
  Add(codecs, SampleRequest{4, 12.5, {0.5, 3.25, 11}});
  Add(codecs, SampleReply{.request = 3,
                          .totals = totals,
                          .handles = {11, 12},
                          .priorities = {0.5, 0.75},
                          .actions = {1, 5},
                          .rewards = {-1, 2},
                          .discounts = {0, 0.97F},
                          .observations = {1, 2, 3, 4, 5, 6},
                          .next_observations = {6, 5, 4, 3, 2, 1}});
  Add(codecs, PriorityUpdate{{1, 2, 3}, {0.5F, 1, 2}});
  Add(codecs, LabelledBatch{.learner = 1,
                            .sequence = 17,
                            .teacher_updates = 1000,
                            .frozen = true,
                            .batch = 2,
                            .rows = 4,
                            .num_actions = 3,
                            .weights = {1, 0.5F},
                            .labels = std::vector<float>(12, 0.5F),
                            .observations = Bytes(8, 3)});
  LabelledBatch full{.batch = 1, .rows = 1, .num_actions = 2, .weights = {1}};
  full.labels = {0.5F, 1};
  full.others = {{LabelChoice::kAverage, 990, {1, 0.5F}}};
  full.features = {{6, {1, 2, 3, 4}}};
  full.shared = {0.5F, -1};
  full.actions = {1};
  full.rewards = {2};
  full.discounts = {0.5F};
  full.observations = Bytes(4, 3);
  Add(codecs, full);
  Add(codecs, Credit{3, 17, 990});
  Add(codecs, WeightsPublish{2, 7, 4, {0.5F, -1}, 9});
  Add(codecs, ShardReport{.totals = totals,
                          .home_workers = {77, 78},
                          .episodes = {{12, 340}},
                          .action_counts = {4, 5}});
  Add(codecs, InsertGrant{5000});
  Add(codecs, SampleGrant{6000});
  Add(codecs, LearnerReport{.dropped = {1, 2}, .lag_updates = {3, 4}, .silent_ms = {5, 6}});
  Add(codecs, StudentReport{{{1, 50, 2, 0.5, 0.9}, {2, 49, 1, 0.6, 0.8}}});
  Add(codecs,
      StudentReport{{{.model = 1, .changes = {{"0"}, {0.5F}, {{"teacher", {1}, {0.25F}}}}}}});
}

void AddControl(Codecs& codecs) {
  Add(codecs, HostReport{4, 1});
  Add(codecs, RankReport{.rank = 3, .roles = "shard", .host = "n1", .pid = 99});
  Add(codecs, RunStatus{RunPhase::kTail, 10, 20});
  Add(codecs, PinRequest{2});
  Add(codecs, Pinned{2, {{0, 5, 500}, {1, 4, 450}}});
  Add(codecs, SampleTask());
  Add(codecs, SampleResult());
  Add(codecs, EvaluationRelease{2});
  Add(codecs, Endpoint{"127.0.0.1:9"});
  Add(codecs, EndpointTable{{"a:1", "b:22"}, "secret"});
  Add(codecs, BatchGrant{7});
  Add(codecs, GradientShare{5, 16, 0.5, 2, 77, {0.25F, -1, 3}});
  Add(codecs, GradientMean{5, {0.25F, -1}});
  Add(codecs, Freeze{});
  Add(codecs, Frozen{{{0, 7, 700, {1, 2, 3}}, {1, 6, 650, {4}}}});
  Add(codecs, Failure{"disk full"});
  Add(codecs, Leave{});
  Add(codecs, Left{});
  Add(codecs, CheckpointRequest{5});
  CheckpointPart part;
  part.id = 5;
  part.models = {{0, {1, 2, 3}}, {1, {}}};
  Add(codecs, part);
  Add(codecs, ShardPart{5, {1, 2, 3}});
  Add(codecs, Restore{{{0, {1, 2, 3}}}});
  Add(codecs, RankDown{3, "n1", "its connection closed", {{RoleKind::kShard, 1}}});
}

Codecs ClusterCodecs() {
  Codecs codecs;
  AddTraining(codecs);
  AddControl(codecs);
  return codecs;
}

/// A refusal is bare text.
struct Text {
  std::string text;
  void Encode(ByteWriter& out) const { out.PutString(text); }
  static Text Decode(ByteReader& in) { return {in.GetString()}; }
};

/// A Hello with an environment of no name is the same as one without.
void ReadHello(std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "Hello");
  Hello::Decode(in);
  in.ExpectEnd();
}

Codecs WorkerCodecs() {
  Codecs codecs;
  const auto add = [&codecs](FrameKind kind, const auto& sample) {
    Add(codecs, static_cast<std::uint8_t>(kind), sample);
  };
  add(FrameKind::kWelcome, Welcome{1, 2, "a: b", 6});
  add(FrameKind::kRefused, Text{"wrong token"});
  add(FrameKind::kAck, Ack{6, 1000});
  add(FrameKind::kStatus, WorkerStatus{{RunPhase::kTrain, 1, 2}, 3, 4, 5});
  add(FrameKind::kWeightsRequest, WeightsRequest{1, 0});
  add(FrameKind::kWeightsReply, WeightsReply{1, 3, {1, 2, 3}});
  add(FrameKind::kEvaluationTask, SampleTask());
  add(FrameKind::kEvaluationResult, SampleResult());
  add(FrameKind::kWorkerReport, WorkerReport{{{3, 4}}, 0.5, true});
  Hello stranger;
  stranger.token = "token";
  const Hello known{"token", kWorkerProtocolVersion, 42, true, SampleEnvironment()};
  codecs[static_cast<std::uint8_t>(FrameKind::kHello)] = {{Encoded(stranger), Encoded(known)},
                                                          ReadHello};
  return codecs;
}

FuzzTarget Envelopes() {
  const Codecs codecs = ClusterCodecs();
  FuzzTarget target{
      .name = "envelope", .read = [codecs](auto input, std::string& why) {
        return Accepts<WireError>(why, [&] {
          const Envelope envelope = UnpackEnvelope({input.begin(), input.end()});
          why = MessageName(envelope.kind);
          const auto codec = codecs.find(static_cast<std::uint8_t>(envelope.kind));
          if (codec == codecs.end()) {
            throw std::logic_error(fmt::format("a message without a line in message_targets.cc: {}",
                                               MessageName(envelope.kind)));
          }
          codec->second.read(envelope.body);
        });
      }};
  for (const auto& [kind, codec] : codecs) {
    for (const Bytes& body : codec.samples) {
      target.seeds.push_back(PackEnvelope(
          {{RoleKind::kLearner, 0}, {RoleKind::kShard, 1}, static_cast<MessageKind>(kind), body}));
    }
  }
  return target;
}

/// The first byte says which body the rest is.
FuzzTarget WorkerBodies() {
  const Codecs codecs = WorkerCodecs();
  FuzzTarget target{.name = "worker_body", .read = [codecs](auto input, std::string& why) {
                      if (input.empty()) return false;
                      const auto codec = codecs.find(input.front());
                      if (codec == codecs.end()) return false;
                      why = fmt::format("{}", static_cast<char>('a' + input.front()));
                      return Accepts<WireError>(why, [&] { codec->second.read(input.subspan(1)); });
                    }};
  for (const auto& [kind, codec] : codecs) {
    for (const Bytes& body : codec.samples) {
      target.seeds.push_back({kind});
      target.seeds.back().insert(target.seeds.back().end(), body.begin(), body.end());
    }
  }
  return target;
}

Bytes Framed(std::uint8_t kind, const Bytes& body) {
  const auto header = MakeFrameHeader(kind, body);
  Bytes frame(header.begin(), header.end());
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

/// The first byte says in pieces of which size the rest arrives.
void ReadStream(std::span<const std::uint8_t> input) {
  constexpr std::size_t kMostBody = 1024;
  if (input.empty()) return;
  FrameParser parser(kMostBody);
  const std::size_t piece = std::size_t{1} + input.front();
  std::size_t taken = 0;
  for (input = input.subspan(1); !input.empty();) {
    const std::size_t bytes = std::min(piece, input.size());
    parser.Append(input.first(bytes));
    input = input.subspan(bytes);
    taken += bytes;
    while (const auto frame = parser.Next()) {
      if (frame->body.size() > kMostBody) throw std::logic_error("a body above the limit");
      taken -= kFrameHeaderBytes + frame->body.size();
    }
    if (parser.BufferedBytes() != taken) throw std::logic_error("bytes were lost or made up");
  }
}

/// Makes every frame's checksum right, from the first one on.
void RepairStream(Bytes& input) {
  for (std::size_t at = 1; at + kFrameHeaderBytes <= input.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, input.data() + at + 8, 4);
    const std::size_t body = at + kFrameHeaderBytes;
    if (length > input.size() - body) return;
    const std::uint32_t crc =
        Crc32c(std::span(input).subspan(body, length), Crc32c(std::span(input).subspan(at, 12)));
    std::memcpy(input.data() + at + 12, &crc, 4);
    at = body + length;
  }
}

FuzzTarget Frames() {
  FuzzTarget target{.name = "frame", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] { ReadStream(input); });
                    }};
  target.repair = RepairStream;
  for (const unsigned piece : {0U, 15U, 255U}) {
    Bytes stream = {static_cast<std::uint8_t>(piece)};
    for (std::uint8_t kind = 0; kind < 4; ++kind) {
      const Bytes frame = Framed(kind, Bytes(std::size_t{kind} * 20, kind));
      stream.insert(stream.end(), frame.begin(), frame.end());
    }
    target.seeds.push_back(std::move(stream));
  }
  return target;
}

FuzzTarget EnvironmentSpecs() {
  FuzzTarget target{.name = "environment_spec", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] {
                        DecodedAlike<EnvironmentSpec>(input).observation.ToString();
                      });
                    }};
  target.seeds = {Encoded(SampleEnvironment())};
  return target;
}

}  // namespace

std::vector<FuzzTarget> MessageTargets() {
  return {Frames(), Envelopes(), WorkerBodies(), EnvironmentSpecs()};
}

}  // namespace stillhouse::fuzz
