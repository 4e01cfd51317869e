#pragma once

#include <string>
#include <utility>

#include "common/config/field.h"

namespace stillhouse {

/// A number, or a map {from, to, updates}, where `unit` names what is counted. Reports and returns
/// nullopt when it is neither.
std::optional<Schedule> ReadSchedule(const FieldInput& in, const Range& range,
                                     const std::string& unit);
/// "0.5", or "{from: 4, to: 1, updates: 20000}".
std::string PrintSchedule(const Schedule& schedule, const std::string& unit);

/// A value that may move while the model learns. `range` bounds both ends.
template <typename S>
Field<S> ScheduleField(std::string path, Schedule S::*member, Range range, std::string doc,
                       const std::string& unit = "updates") {
  return {std::move(path),
          NumberText(range, "{from: number, to: number, " + unit + ": whole number}"),
          std::move(doc),
          [=](const FieldInput& in, S& out) {
            if (const auto value = ReadSchedule(in, range, unit)) out.*member = *value;
          },
          [=](const S& in) { return PrintSchedule(in.*member, unit); },
          {},
          {}};
}

}  // namespace stillhouse
