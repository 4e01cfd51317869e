// Learner part:  "SHLP" u32, version u16 = 1, updates, samples, version, tail_batches u64, frozen
// u8, loss, q, gradient norm f64, sampler stream 4 x u64, teacher's updates i64, missing f64,
// model state (common/model/model_state.cc).
// Student part:  "SHSP" u32, version u16 = 1, updates, version u64, loss, agreement f64, model
// state.
#include "learner/protocol/checkpoint_state.h"

namespace stillhouse::learner {
namespace {

constexpr std::uint32_t kLearnerMagic = 0x504c4853;  // "SHLP"
constexpr std::uint32_t kStudentMagic = 0x50534853;  // "SHSP"
constexpr std::uint16_t kVersion = 1;

void ExpectHead(ByteReader& in, std::uint32_t magic) {
  if (in.Get<std::uint32_t>() != magic) in.Fail("not such a part");
  if (const auto version = in.Get<std::uint16_t>(); version != kVersion) {
    in.Fail(fmt::format("format version {}, this program reads {}", version, kVersion));
  }
}

}  // namespace

std::vector<std::uint8_t> LearnerState::Encode() const {
  ByteWriter out(256 + teacher.model.SizeHint());
  out.Put(kLearnerMagic);
  out.Put(kVersion);
  for (const auto count : {updates, samples, version, tail_batches}) out.Put(count);
  out.Put(static_cast<std::uint8_t>(frozen ? 1 : 0));
  for (const auto mean : {loss_mean, q_mean, grad_norm_mean}) out.Put(mean);
  for (const auto word : sampler) out.Put(word);
  out.Put(teacher.updates);
  out.Put(teacher.average_missing);
  teacher.model.Encode(out);
  return out.Take();
}

LearnerState LearnerState::Decode(std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "learner's part of a checkpoint");
  ExpectHead(in, kLearnerMagic);
  const auto updates = in.Get<std::uint64_t>();
  const auto samples = in.Get<std::uint64_t>();
  const auto version = in.Get<std::uint64_t>();
  const auto tail_batches = in.Get<std::uint64_t>();
  const bool frozen = in.GetBool();
  const auto loss = in.Get<double>();
  const auto q = in.Get<double>();
  const auto norm = in.Get<double>();
  Rng::State sampler{};
  for (auto& word : sampler) word = in.Get<std::uint64_t>();
  const auto teacher_updates = in.Get<std::int64_t>();
  const auto missing = in.Get<double>();
  LearnerState state{
      updates, samples, version, tail_batches, frozen,
      loss,    q,       norm,    sampler,      {teacher_updates, missing, ModelState::Decode(in)}};
  in.ExpectEnd();
  return state;
}

std::vector<std::uint8_t> StudentState::Encode() const {
  ByteWriter out(128 + model.SizeHint());
  out.Put(kStudentMagic);
  out.Put(kVersion);
  out.Put(updates);
  out.Put(version);
  out.Put(loss_mean);
  out.Put(agreement_mean);
  model.Encode(out);
  return out.Take();
}

StudentState StudentState::Decode(std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "student's part of a checkpoint");
  ExpectHead(in, kStudentMagic);
  const auto updates = in.Get<std::uint64_t>();
  const auto version = in.Get<std::uint64_t>();
  const auto loss = in.Get<double>();
  const auto agreement = in.Get<double>();
  StudentState state{updates, version, loss, agreement, ModelState::Decode(in)};
  in.ExpectEnd();
  return state;
}

}  // namespace stillhouse::learner
