#include "actors/env/minatar/minatar_environment.h"

#include <string>

#include "actors/env/minatar/board.h"

namespace stillhouse::actors {

MinAtarEnvironment::MinAtarEnvironment(std::string_view game, std::int64_t channels,
                                       std::initializer_list<MinAtarAction> minimal_actions,
                                       const MinAtarOptions& options)
    : options_(options) {
  if (!(options.sticky_action_prob >= 0 && options.sticky_action_prob <= 1)) {
    throw ConfigError(fmt::format("minatar/{}: sticky_action_prob is {}, must be 0 to 1", game,
                                  options.sticky_action_prob));
  }
  spec_.id = fmt::format("minatar/{}", game);
  spec_.observation = {ElementKind::kBits, {channels, kBoardSide, kBoardSide}};
  spec_.num_actions = kMinAtarActions;
  spec_.action_names = {"noop", "left", "up", "right", "down", "fire"};
  spec_.canonical_action.assign(kMinAtarActions, kNoOp);
  for (const MinAtarAction action : minimal_actions) {
    spec_.canonical_action[static_cast<std::size_t>(action)] = action;
  }
}

void MinAtarEnvironment::Seed(std::uint64_t seed) {
  stream_.Seed(static_cast<std::uint32_t>(seed ^ (seed >> 32)));
  last_action_ = kNoOp;
}

void MinAtarEnvironment::Reset() {
  ended_ = false;
  ResetGame(stream_);
}

StepResult MinAtarEnvironment::Step(std::int32_t action) {
  SH_CHECK(action >= 0 && action < kMinAtarActions, "{}: action {}", spec_.id, action);
  if (!(stream_.Random() < options_.sticky_action_prob)) last_action_ = action;
  if (ended_) return {.reward = 0, .terminated = true};
  const int reward = Play(last_action_, stream_);
  return {.reward = static_cast<float>(reward), .terminated = ended_};
}

void MinAtarEnvironment::Save(ByteWriter& out) const {
  stream_.Save(out);
  out.Put(last_action_);
  out.Put(static_cast<std::uint8_t>(ended_));
  SaveGame(out);
}

void MinAtarEnvironment::Load(ByteReader& in) {
  stream_.Load(in);
  last_action_ = in.Get<std::int32_t>();
  if (last_action_ < 0 || last_action_ >= kMinAtarActions) {
    in.Fail(fmt::format("last action is {}, must be 0 to 5", last_action_));
  }
  ended_ = in.GetBool();
  LoadGame(in);
}

}  // namespace stillhouse::actors
