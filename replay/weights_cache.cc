#include "replay/weights_cache.h"

#include <algorithm>

#include "common/base/error.h"

namespace stillhouse::replay {

WeightsCache::Model& WeightsCache::At(std::uint16_t model) {
  if (model >= models_.size()) {
    throw WireError(fmt::format("weights of model {}, the job has {}", model, models_.size()));
  }
  return models_[model];
}

void WeightsCache::Publish(const WeightsPublish& message, WorkerOutbox& out) {
  Model& model = At(message.model);
  const bool newer = message.version > model.newest;
  if (newer || message.pin != 0) {
    Entry& entry = model.versions[message.version];
    if (!entry.reply) {
      ByteWriter writer(16 + message.parameters.size() * sizeof(float));
      WeightsReply{message.model, message.version, message.parameters}.Encode(writer);
      entry.reply = std::make_shared<const std::vector<std::uint8_t>>(writer.Take());
    }
    if (message.pin != 0) entry.rounds.insert(message.pin);
    model.newest = std::max(model.newest, message.version);
  }
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    return waiting.request.model == message.model &&
           Answer(waiting.connection, waiting.request, out);
  });
  DropUnheld(model);
}

void WeightsCache::Request(ConnectionId connection, const WeightsRequest& request,
                           WorkerOutbox& out) {
  At(request.model);
  if (Answer(connection, request, out)) return;
  const auto mine = std::count_if(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
    return waiting.connection == connection;
  });
  if (static_cast<std::size_t>(mine) >= kMostWaiting) {
    throw WireError(fmt::format("more than {} requests for weights wait", kMostWaiting));
  }
  waiting_.push_back({connection, request});
}

bool WeightsCache::Answer(ConnectionId connection, const WeightsRequest& request,
                          WorkerOutbox& out) {
  const Model& model = At(request.model);
  const auto found = model.versions.find(request.version == 0 ? model.newest : request.version);
  if (found != model.versions.end()) {
    out.SendShared(connection, FrameKind::kWeightsReply, found->second.reply);
    return true;
  }
  if (request.version == 0 || request.version > model.newest) return false;
  SendFrame(out, connection, FrameKind::kWeightsReply,
            WeightsReply{request.model, request.version, {}});
  return true;
}

void WeightsCache::Release(std::uint32_t round) {
  for (Model& model : models_) {
    for (auto& [version, entry] : model.versions) entry.rounds.erase(round);
    DropUnheld(model);
  }
}

void WeightsCache::DropUnheld(Model& model) {
  std::erase_if(model.versions, [&](const auto& held) {
    return held.first != model.newest && held.second.rounds.empty();
  });
}

void WeightsCache::Forget(ConnectionId connection) {
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.connection == connection; });
}

std::uint64_t WeightsCache::NewestVersion(std::uint16_t model) const {
  return models_[model].newest;
}

std::uint64_t WeightsCache::MemoryBytes() const {
  std::uint64_t bytes = 0;
  for (const Model& model : models_) {
    for (const auto& [version, entry] : model.versions) bytes += entry.reply->size();
  }
  return bytes;
}

}  // namespace stillhouse::replay
