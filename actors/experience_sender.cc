#include "actors/experience_sender.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace stillhouse::actors {

ExperienceSender::ExperienceSender(std::uint64_t incarnation, std::uint32_t slots)
    : incarnation_(incarnation), slots_(slots), ledger_(incarnation) {
  SH_CHECK(slots > 0, "no shards");
  last_slot_ = slots - 1;
}

/// The open slot with room whose shard is emptiest, our own chunks under way counted; equals take
/// turns (full shards are all of one size).
ExperienceSender::Slot* ExperienceSender::Choose(Time now) {
  if (bytes_ >= kMaxBytes) return nullptr;
  const bool full = Full(now);
  Slot* best = nullptr;
  std::size_t best_index = 0;
  for (std::size_t i = 1; i <= slots_.size(); ++i) {
    const std::size_t index = (last_slot_ + i) % slots_.size();
    Slot& slot = slots_[index];
    const bool room = slot.window.empty() || (Answers(slot, now) && !full);
    if (!slot.open || !room) continue;
    if (best == nullptr || slot.shard_size + slot.unacknowledged_items <
                               best->shard_size + best->unacknowledged_items) {
      best = &slot;
      best_index = index;
    }
  }
  if (best != nullptr) last_slot_ = best_index;
  return best;
}

bool ExperienceSender::Full(Time now) const {
  std::size_t under_way = 0;
  for (const Slot& slot : slots_) {
    if (Answers(slot, now)) under_way += slot.window.size();
  }
  return under_way >= (bytes_ < kManyBytes ? room_ : kSmallWindow);
}

bool ExperienceSender::Flush(Time now, ShardLinks& out) {
  while (!waiting_.empty()) {
    Slot* slot = Choose(now);
    if (slot == nullptr) return false;
    replay::ExperienceChunk chunk = std::move(waiting_.front());
    waiting_.pop_front();
    chunk.incarnation = incarnation_;
    chunk.sequence = ++slot->last_sequence;
    chunk.first_item = next_item_;
    const auto items = static_cast<std::uint32_t>(chunk.td_errors.size());
    next_item_ += items;
    Sent sent{chunk.sequence, items, now, chunk.Encode(spec_)};
    bytes_ += sent.body.size();
    slot->unacknowledged_items += items;
    const auto index = static_cast<std::uint32_t>(slot - slots_.data());
    ledger_.Sent(index, chunk.sequence, chunk.first_item, items, sent.body);
    out.Send(index, FrameKind::kChunk, sent.body);
    slot->window.push_back(std::move(sent));
  }
  return true;
}

void ExperienceSender::DropStored(Slot& slot, std::uint64_t sequence) {
  if (sequence > slot.last_sequence) {
    throw WireError(fmt::format("shard in slot {}: acknowledges chunk {}, only {} were sent",
                                &slot - slots_.data(), sequence, slot.last_sequence));
  }
  slot.acknowledged = std::max(slot.acknowledged, sequence);
  while (!slot.window.empty() && slot.window.front().sequence <= sequence) {
    ledger_.Acknowledged(static_cast<std::uint32_t>(&slot - slots_.data()),
                         slot.window.front().sequence);
    bytes_ -= slot.window.front().body.size();
    slot.unacknowledged_items -= slot.window.front().items;
    slot.window.pop_front();
  }
}

void ExperienceSender::OnWelcome(std::uint32_t slot, std::uint64_t last_sequence, Time now,
                                 ShardLinks& out) {
  Slot& welcomed = slots_[slot];
  if (welcomed.abandoned) return;
  if (last_sequence < welcomed.acknowledged) {
    throw CommError(
        fmt::format("shard in slot {}: knows {} chunks of this worker, {} were stored; "
                    "the job was started again",
                    slot, last_sequence, welcomed.acknowledged));
  }
  DropStored(welcomed, last_sequence);
  welcomed.open = true;
  welcomed.heard = now;
  room_ = kSmallWindow;
  for (const Sent& sent : welcomed.window) out.Send(slot, FrameKind::kChunk, sent.body);
}

void ExperienceSender::Resize(const Slot& slot, std::uint64_t sequence, Time now) {
  std::size_t acknowledged = 0;
  for (const Sent& sent : slot.window) {
    ++acknowledged;
    if (sent.sequence != sequence) continue;
    shortest_ = std::min(shortest_, now - sent.sent);
    const bool prompt =
        now - sent.sent <= std::max(kPrompt, std::min(2 * shortest_, kLongestPrompt));
    room_ = prompt ? std::min(room_ + acknowledged, kLargeWindow) : kSmallWindow;
    return;
  }
}

void ExperienceSender::OnAck(std::uint32_t slot, const Ack& ack, Time now) {
  if (slots_[slot].abandoned) return;
  slots_[slot].heard = now;
  Resize(slots_[slot], ack.sequence, now);
  DropStored(slots_[slot], ack.sequence);
  slots_[slot].shard_size = ack.shard_size;
}

void ExperienceSender::OnShardSize(std::uint32_t slot, std::uint64_t items, Time now) {
  slots_[slot].shard_size = items;
  slots_[slot].heard = now;
}

void ExperienceSender::Abandon(std::uint32_t slot) {
  Slot& gone = slots_[slot];
  gone.abandoned = true;
  gone.open = false;
  for (const Sent& sent : gone.window) bytes_ -= sent.body.size();
  gone.window.clear();
  gone.unacknowledged_items = 0;
}

void ExperienceSender::Discard() {
  waiting_.clear();
  for (Slot& slot : slots_) {
    slot.window.clear();
    slot.unacknowledged_items = 0;
  }
  bytes_ = 0;
}

std::size_t ExperienceSender::Unacknowledged() const {
  std::size_t count = 0;
  for (const Slot& slot : slots_) count += slot.window.size();
  return count;
}

}  // namespace stillhouse::actors
