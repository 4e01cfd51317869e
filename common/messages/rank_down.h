#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/messages/envelope.h"

namespace stillhouse {

/// A process of the job is gone for good, and with it all roles that it played. The driver of rank
/// 0 tells the coordinator; where the run can go on without them the coordinator tells everyone
/// else. Whatever is sent to such a role afterwards is dropped by the router.
struct RankDown {
  static constexpr MessageKind kKind = MessageKind::kRankDown;
  std::uint32_t rank = 0;
  std::string host;
  std::string reason;              ///< how it was seen, in words
  std::vector<RoleAddress> roles;  ///< that it played
  std::size_t SizeHint() const { return 16 + host.size() + reason.size() + roles.size() * 3; }
  void Encode(ByteWriter& out) const;
  static RankDown Decode(ByteReader& in);

  /// Whether it played this role.
  bool Played(RoleAddress role) const;
  /// "rank 3 (shard 1, box2)"
  std::string Who() const;
};

}  // namespace stillhouse
