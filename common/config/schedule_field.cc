#include "common/config/schedule_field.h"

#include <fmt/format.h>

namespace stillhouse {

std::optional<Schedule> ReadSchedule(const FieldInput& in, const Range& range,
                                     const std::string& unit) {
  if (in.node.kind != ConfigNode::Kind::kMap) {
    const auto value = ReadNumber(in, range, "{from, to, " + unit + "}");
    if (!value) return std::nullopt;
    return Schedule(*value);
  }
  const std::vector<std::string> keys = {"from", "to", unit};
  const std::size_t errors = in.context.errors.Size();
  Schedule schedule;
  for (const auto& [key, place, value] : in.node.entries) {
    const std::string path = in.path + "." + key;
    const FieldInput part{value, path, in.context};
    if (key == unit) {
      if (const auto updates = ReadInteger(part, {1, 1e12}, "")) schedule.updates = *updates;
    } else if (key == "from" || key == "to") {
      const auto end = ReadNumber(part, range, "");
      if (end) (key == "from" ? schedule.from : schedule.to) = *end;
    } else {
      in.context.errors.Add(place, path, "unknown key; " + Suggest(key, keys));
    }
  }
  for (const std::string& key : keys) {
    if (in.node.Find(key) == nullptr) {
      in.Fail(key + " is missing; expected {from, to, " + unit + "}");
    }
  }
  if (in.context.errors.Size() > errors) return std::nullopt;
  return schedule;
}

std::string PrintSchedule(const Schedule& schedule, const std::string& unit) {
  if (schedule.updates == 0) return PrintNumber(schedule.to);
  return fmt::format("{{from: {}, to: {}, {}: {}}}", PrintNumber(schedule.from),
                     PrintNumber(schedule.to), unit, schedule.updates);
}

}  // namespace stillhouse
