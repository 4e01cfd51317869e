#include "common/messages/rank_down.h"

#include <algorithm>

namespace stillhouse {

void RankDown::Encode(ByteWriter& out) const {
  out.Put(rank);
  out.PutString(host);
  out.PutString(reason);
  out.Put(static_cast<std::uint32_t>(roles.size()));
  for (const auto& role : roles) {
    out.Put(role.kind);
    out.Put(role.index);
  }
}

RankDown RankDown::Decode(ByteReader& in) {
  RankDown message;
  message.rank = in.Get<std::uint32_t>();
  message.host = in.GetString();
  message.reason = in.GetString();
  const auto count = in.Get<std::uint32_t>();
  if (count > in.Left() / 3) in.Fail("more roles than bytes");
  for (std::uint32_t i = 0; i < count; ++i) {
    const RoleKind kind = in.GetEnum(kLastRoleKind);
    message.roles.push_back({kind, in.Get<std::uint16_t>()});
  }
  return message;
}

bool RankDown::Played(RoleAddress role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

std::string RankDown::Who() const {
  std::string who = fmt::format("rank {} (", rank);
  for (const auto& role : roles) who += role.ToString() + ", ";
  return who + host + ")";
}

}  // namespace stillhouse
