// A save: the stream's four words (u64), whether an episode has begun (u8) and, if so, the number
// of its actions (u32) and the actions (u8 each).
#include "actors/env/box2d/lunar_lander.h"

#include <cmath>
#include <cstddef>
#include <cstring>

#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

constexpr std::int32_t kTimeLimit = 1000;
constexpr double kMainFuel = 0.30;
constexpr double kSideFuel = 0.03;

LunarLander::Features FeaturesOf(const LanderMotion& motion) {
  return {(motion.x - kLanderHalfWidth) / kLanderHalfWidth,
          (motion.y - (kLanderPadHeight + kLanderLegHeight)) / kLanderHalfHeight,
          motion.vx * kLanderHalfWidth / kLanderFramesPerSecond,
          motion.vy * kLanderHalfHeight / kLanderFramesPerSecond,
          motion.angle,
          20 * motion.spin / kLanderFramesPerSecond,
          motion.leg_on_ground[0] ? 1.0 : 0.0,
          motion.leg_on_ground[1] ? 1.0 : 0.0};
}

}  // namespace

LunarLander::LunarLander() : rng_(MakeRng(0, RngPurpose::kEnvironment)), episode_rng_(rng_) {
  spec_.id = "box2d/lunar_lander";
  spec_.observation = {ElementKind::kFloats, {static_cast<std::int64_t>(features_.size())}};
  spec_.num_actions = kLanderActions;
  spec_.action_names = {"none", "left", "main", "right"};
  spec_.canonical_action = {0, 1, 2, 3};
  spec_.time_limit = kTimeLimit;
  actions_.reserve(static_cast<std::size_t>(kTimeLimit));
}

LunarLander::~LunarLander() = default;

void LunarLander::Seed(std::uint64_t seed) {
  rng_ = MakeRng(seed, RngPurpose::kEnvironment);
  episode_rng_ = rng_;
  world_.reset();
  actions_.clear();
  features_ = {};
  ended_ = false;
}

void LunarLander::Reset() {
  episode_rng_ = rng_;
  actions_.clear();
  ended_ = false;
  world_.reset();  // before the next is made, so that never two are held
  world_ = std::make_unique<LanderWorld>(rng_);
  shaping_ = 0;
  Advance(kCoast);  // the push acts; whatever this first frame gains is nobody's reward
}

StepResult LunarLander::Step(std::int32_t action) {
  SH_CHECK(action >= 0 && action < kLanderActions, "{}: action {}", spec_.id, action);
  SH_CHECK(world_ != nullptr && !ended_, "{}: a step where no episode runs", spec_.id);
  actions_.push_back(static_cast<std::uint8_t>(action));
  StepResult result = Advance(static_cast<LanderAction>(action));
  result.truncated = actions_.size() >= static_cast<std::size_t>(kTimeLimit);
  ended_ = result.Done();
  return result;
}

StepResult LunarLander::Advance(LanderAction action) {
  world_->Step(action, rng_);
  features_ = FeaturesOf(world_->Motion());
  const double shaping = Shaping(features_);
  double reward = shaping - shaping_;
  shaping_ = shaping;
  if (action == kMainEngine) {
    reward -= kMainFuel;
  } else if (action != kCoast) {
    reward -= kSideFuel;
  }
  const bool lost = world_->HullTouched() || std::abs(features_[0]) >= 1;
  const bool landed = world_->AtRest();
  if (lost) reward = -100;
  if (landed) reward = 100;
  return {.reward = static_cast<float>(reward), .terminated = lost || landed};
}

double LunarLander::Shaping(const Features& f) {
  return -100 * std::sqrt(f[0] * f[0] + f[1] * f[1]) - 100 * std::sqrt(f[2] * f[2] + f[3] * f[3]) -
         100 * std::abs(f[4]) + 10 * f[6] + 10 * f[7];
}

void LunarLander::Observe(std::span<std::uint8_t> packed) const {
  std::array<float, std::tuple_size_v<Features>> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(features_[i]);
  SH_CHECK(packed.size() == sizeof(values), "{} bytes for {} floats", packed.size(), values.size());
  std::memcpy(packed.data(), values.data(), sizeof(values));
}

void LunarLander::Save(ByteWriter& out) const {
  out.PutArray(std::span<const std::uint64_t>(episode_rng_.Save()));
  out.Put(static_cast<std::uint8_t>(world_ != nullptr));
  if (world_ == nullptr) return;
  out.Put(static_cast<std::uint32_t>(actions_.size()));
  out.PutBytes(actions_);
}

void LunarLander::Load(ByteReader& in) {
  Seed(0);
  Rng::State words;
  for (auto& word : words) word = in.Get<std::uint64_t>();
  rng_.Restore(words);
  episode_rng_ = rng_;
  if (!in.GetBool()) return;
  const auto count = in.Get<std::uint32_t>();
  if (count > static_cast<std::uint32_t>(kTimeLimit)) {
    in.Fail(fmt::format("{} actions, must be at most {}", count, kTimeLimit));
  }
  const auto actions = in.GetArray<std::uint8_t>(count);
  Reset();
  for (const std::uint8_t action : actions) {
    if (action >= kLanderActions) in.Fail(fmt::format("action is {}, must be 0 to 3", action));
    if (ended_)
      in.Fail(fmt::format("the episode ended after {} of {} actions", actions_.size(), count));
    Step(action);
  }
}

}  // namespace stillhouse::actors
