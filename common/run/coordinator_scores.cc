// What the coordinator makes of a finished evaluation round.
#include "common/run/coordinator.h"

namespace stillhouse {

void Coordinator::TakeRound(Time now) {
  const auto result = evaluation_.TakeFinished();
  if (!result) return;
  scores_.OnRound(*result);
  last_broadcast_ = {};  // returns and the best round are waited for
  Scoreboard& board = scores_.Board();
  board.elapsed_s = Seconds(now);
  board.time = settings_.start_unix_s + Seconds(now - offset_);
  board.phase = PhaseName(phase_);
  board.frames = progress_.Frames();
  for (std::size_t i = 1; i < board.models.size(); ++i) {
    board.models[i].replay_agreement = progress_.StudentAgreement(i - 1);
  }
  if (result->kind == RoundKind::kRandom) {
    recorder_.OnNote(fmt::format("random actions return {:.3f}", board.random_return));
    return;
  }
  recorder_.OnScoreboard(board);
}

}  // namespace stillhouse
