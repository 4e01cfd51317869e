// Learner part:  "SHLP" u32, version u16 = 2, updates, samples, version, tail_batches u64, frozen
// u8, loss, q, gradient norm f64, sampler stream 4 x u64, teacher's updates i64, missing f64,
// model state (common/model/model_state.cc), updates u64 and parameters (count u32, f32) of the
// best evaluation (since 2). Student part:  "SHSP" u32, version u16 = 2, updates, version u64,
// loss, agreement f64, model state, then (since 2) twice, of the loss between features and of the
// adversary, what is learnt besides: steps u64, four times count u32, f32 [count] (parameters,
// first, second, centre).
#include "learner/protocol/checkpoint_state.h"

namespace stillhouse::learner {
namespace {

constexpr std::uint32_t kLearnerMagic = 0x504c4853;  // "SHLP"
constexpr std::uint32_t kStudentMagic = 0x50534853;  // "SHSP"
constexpr std::uint16_t kLearnerVersion = 2;
constexpr std::uint16_t kStudentVersion = 2;

/// The part's version.
std::uint16_t ReadHead(ByteReader& in, std::uint32_t magic, std::uint16_t newest) {
  if (in.Get<std::uint32_t>() != magic) in.Fail("not such a part");
  const auto version = in.Get<std::uint16_t>();
  if (version == 0 || version > newest) {
    in.Fail(fmt::format("format version {}, this program reads 1 to {}", version, newest));
  }
  return version;
}

void PutBeside(ByteWriter& out, const BesideState& beside) {
  out.Put(beside.steps);
  for (const auto* block : {&beside.parameters, &beside.first, &beside.second, &beside.centre}) {
    out.PutVector(*block);
  }
}

BesideState GetBeside(ByteReader& in) {
  BesideState beside;
  beside.steps = in.Get<std::uint64_t>();
  for (auto* block : {&beside.parameters, &beside.first, &beside.second, &beside.centre}) {
    *block = in.GetVector<float>();
    if (!block->empty() && block->size() != beside.parameters.size()) {
      in.Fail("a block of another size than what is learnt besides");
    }
  }
  return beside;
}

}  // namespace

std::vector<std::uint8_t> LearnerState::Encode() const {
  ByteWriter out(256 + teacher.model.SizeHint());
  out.Put(kLearnerMagic);
  out.Put(kLearnerVersion);
  for (const auto count : {updates, samples, version, tail_batches}) out.Put(count);
  out.Put(static_cast<std::uint8_t>(frozen ? 1 : 0));
  for (const auto mean : {loss_mean, q_mean, grad_norm_mean}) out.Put(mean);
  for (const auto word : sampler) out.Put(word);
  out.Put(teacher.updates);
  out.Put(teacher.average_missing);
  teacher.model.Encode(out);
  out.Put(teacher.best_updates);
  out.PutVector(teacher.best);
  return out.Take();
}

LearnerState LearnerState::Decode(std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "learner's part of a checkpoint");
  const std::uint16_t format = ReadHead(in, kLearnerMagic, kLearnerVersion);
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
  if (format >= 2) {
    state.teacher.best_updates = in.Get<std::uint64_t>();
    state.teacher.best = in.GetVector<float>();
  }
  in.ExpectEnd();
  return state;
}

std::vector<std::uint8_t> StudentState::Encode() const {
  ByteWriter out(256 + memory.model.SizeHint() +
                 16 * (memory.beside.parameters.size() + memory.adversary.parameters.size()));
  out.Put(kStudentMagic);
  out.Put(kStudentVersion);
  out.Put(updates);
  out.Put(version);
  out.Put(loss_mean);
  out.Put(agreement_mean);
  memory.model.Encode(out);
  PutBeside(out, memory.beside);
  PutBeside(out, memory.adversary);
  return out.Take();
}

StudentState StudentState::Decode(std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "student's part of a checkpoint");
  const std::uint16_t format = ReadHead(in, kStudentMagic, kStudentVersion);
  const auto updates = in.Get<std::uint64_t>();
  const auto version = in.Get<std::uint64_t>();
  const auto loss = in.Get<double>();
  const auto agreement = in.Get<double>();
  StudentState state{updates, version, loss, agreement, {ModelState::Decode(in)}};
  if (format >= 2) {
    state.memory.beside = GetBeside(in);
    state.memory.adversary = GetBeside(in);
  }
  in.ExpectEnd();
  return state;
}

}  // namespace stillhouse::learner
