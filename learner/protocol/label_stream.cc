#include "learner/protocol/label_stream.h"

#include <algorithm>

namespace stillhouse::learner {

void LabelStream::OnCredit(const Credit& credit, std::uint16_t host, Time now) {
  if (host >= hosts_.size()) {
    throw WireError(fmt::format("credit from student host {}: there are {}", host, hosts_.size()));
  }
  Host& h = hosts_[host];
  if (h.down) return;  // sent before its death
  h.credits += credit.credits;
  h.last_credit = now;
  if (credit.consumed_sequence != 0) {
    h.consumed += credit.credits;
    h.consumed_teacher_updates = credit.consumed_teacher_updates;
  }
}

std::vector<std::uint8_t> LabelStream::BodyOf(const replay::Batch& batch, MadeLabels made) const {
  LabelledBatch message;
  message.learner = self_.index;
  message.sequence = sequence_;
  message.version = made.version;
  message.teacher_updates = made.teacher_updates;
  message.frozen = made.frozen;
  message.batch = static_cast<std::uint32_t>(batch.Size());
  message.weights = batch.weights;
  if (carries_.truths) message.truths = batch.actions;
  const auto num_actions = static_cast<std::size_t>(num_actions_);
  message.num_actions = num_actions_;
  message.rows = static_cast<std::uint32_t>(made.labels.size() / num_actions);
  message.labels = std::move(made.labels);
  message.others = std::move(made.extras.others);
  message.features = std::move(made.extras.features);
  message.shared = std::move(made.extras.shared);
  if (carries_.rewards) {
    message.actions = batch.actions;
    message.rewards = batch.rewards;
    message.discounts = batch.discounts;
  }
  message.observations = batch.observations;
  if (message.rows > message.batch) {
    message.observations.insert(message.observations.end(), batch.next_observations.begin(),
                                batch.next_observations.end());
  }
  ByteWriter writer(message.SizeHint() + kTrailerBytes);
  message.Encode(writer);
  return writer.Take();
}

void LabelStream::Publish(const replay::Batch& batch, MadeLabels made, Outbox& out) {
  ++sequence_;
  const bool frozen = made.frozen;
  std::vector<std::uint8_t> body;
  if (MostCredits() > 0) body = BodyOf(batch, std::move(made));
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    Host& host = hosts_[i];
    if (host.down) continue;
    if (host.credits == 0) {
      if (!frozen) ++host.dropped;
      continue;
    }
    --host.credits;
    ++host.sent;
    out.Send({self_,
              {RoleKind::kStudentHost, static_cast<std::uint16_t>(i)},
              MessageKind::kLabelledBatch,
              body});
  }
}

void LabelStream::HostDown(std::uint16_t host) {
  if (host >= hosts_.size()) return;
  hosts_[host].down = true;
  hosts_[host].credits = 0;
}

std::uint32_t LabelStream::MostCredits() const {
  std::uint32_t most = 0;
  for (const auto& host : hosts_) most = std::max(most, host.credits);
  return most;
}

std::uint64_t LabelStream::Lag(std::size_t host, std::uint64_t teacher_updates) const {
  const Host& h = hosts_[host];
  return teacher_updates - std::min(teacher_updates, h.consumed_teacher_updates);
}

Time LabelStream::Silence(std::size_t host, Time now) const {
  const Host& h = hosts_[host];
  return !h.down && h.sent > h.consumed ? now - h.last_credit : Time{};
}

}  // namespace stillhouse::learner
