#include "common/config/config_fields.h"

namespace stillhouse {
namespace {

/// A limit that may be absent; `none` says so.
template <typename T, typename Read>
Field<StopSettings> LimitField(std::string path, std::optional<T> StopSettings::*member,
                               std::string allowed, std::string doc, Read read,
                               std::string (*print)(const T&)) {
  return {std::move(path),
          std::move(allowed),
          std::move(doc),
          [=](const FieldInput& in, StopSettings& out) {
            if (IsWord(in.node, "none")) {
              out.*member = std::nullopt;
            } else if (const auto value = read(in)) {
              out.*member = *value;
            }
          },
          [=](const StopSettings& in) {
            return in.*member ? print(*(in.*member)) : std::string("none");
          },
          {},
          {}};
}

std::string PrintInteger(const std::int64_t& value) { return fmt::format("{}", value); }
std::string PrintReturn(const double& value) { return PrintNumber(value); }

}  // namespace

FieldList<StopSettings> StopFields() {
  using S = StopSettings;
  const Range count{1, 1e15};
  const Range length{0, 1e9, true};
  const auto integer = [=](const FieldInput& in) { return ReadInteger(in, count, "none"); };
  const auto number = [](const FieldInput& in) { return ReadNumber(in, Range{}, "none"); };
  const auto duration = [=](const FieldInput& in) { return ReadDuration(in, length, "none"); };
  return {
      LimitField<std::int64_t>("frames", &S::frames, IntegerText(count, "none"),
                               "Ends training after so many frames. 5000000 when the file sets no "
                               "limit at all.",
                               integer, PrintInteger),
      LimitField<std::int64_t>(
          "updates", &S::updates, IntegerText(count, "none"),
          "Ends training after so many teacher updates; with a frozen teacher: "
          "after so many of every student.",
          integer, PrintInteger),
      LimitField<Duration>("time", &S::time, "duration (60s, 5m, 1h) above 0, or none",
                           "Ends training after so much time; the distilling tail comes on top.",
                           duration, PrintDuration),
      LimitField<double>("teacher_return", &S::teacher_return, "number, or none",
                         "Ends training when an evaluation of the teacher reaches this mean "
                         "return.",
                         number, PrintReturn),
      NumberField<S>("distill_tail", &S::distill_tail, {0, 10},
                     "After training, students go on with the frozen teacher for this fraction of "
                     "the elapsed time."),
      IntegerField<S>("plateau", &S::plateau, {0, 1e12},
                      "The tail also ends when no student's agreement with the frozen teacher has "
                      "risen by more than 0.001 for so many of its updates; 0: never."),
  };
}

}  // namespace stillhouse
