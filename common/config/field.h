#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/config/config_node.h"
#include "common/config/config_values.h"

namespace stillhouse {

/// What reading fills besides the values: errors, and which keys were written where.
struct FieldContext {
  ConfigErrors errors;
  std::map<std::string, ConfigPlace> set;  ///< full path -> where its value stands
};

/// One value on its way into a field.
struct FieldInput {
  const ConfigNode& node;
  const std::string& path;  ///< full: "students.small.loss.kind"
  FieldContext& context;

  void Fail(std::string_view message) const { context.errors.Add(node.place, path, message); }
  /// "found 'abc', expected a number, 0 to 1"
  void FailExpected(std::string_view expected) const;
};

/// One key: how it is read, printed and explained. S is the struct that holds it.
template <typename S>
struct Field {
  std::string path;     ///< within S, dots between levels
  std::string allowed;  ///< type, unit and range or words, for people
  std::string doc;      ///< one sentence
  std::function<void(const FieldInput&, S&)> read;
  std::function<std::string(const S&)> print;  ///< YAML, one line; empty result: no line
  std::function<bool(const S&)> applies;       ///< null: always
  std::string only_with;                       ///< what `applies` asks for, for people
  std::vector<std::string> words = {};         ///< the words it accepts, when it takes words
};

template <typename S>
using FieldList = std::vector<Field<S>>;

/// A word and what it stands for.
template <typename E>
using Words = std::vector<std::pair<std::string, E>>;

// ---- reading one scalar: reports and returns nullopt when it does not fit
// -------------------------

std::optional<double> ReadNumber(const FieldInput& in, const Range& range,
                                 std::string_view or_word);
std::optional<std::int64_t> ReadInteger(const FieldInput& in, const Range& range,
                                        std::string_view or_word);
std::optional<Duration> ReadDuration(const FieldInput& in, const Range& range,
                                     std::string_view or_word);
/// Index into `words`. A word of `not_yet` is refused as not supported yet.
std::optional<std::size_t> ReadWord(const FieldInput& in, const std::vector<std::string>& words,
                                    const std::vector<std::string>& not_yet);
bool IsWord(const ConfigNode& node, std::string_view word);
std::string NumberText(const Range& range, std::string_view or_word);
std::string IntegerText(const Range& range, std::string_view or_word);
std::string WordsText(const std::vector<std::string>& words,
                      const std::vector<std::string>& not_yet);

// ---- makers
// ---------------------------------------------------------------------------------------

template <typename S>
Field<S> NumberField(std::string path, double S::*member, Range range, std::string doc) {
  return {std::move(path),
          NumberText(range, ""),
          std::move(doc),
          [=](const FieldInput& in, S& out) {
            if (const auto value = ReadNumber(in, range, "")) out.*member = *value;
          },
          [=](const S& in) { return PrintNumber(in.*member); },
          {},
          {}};
}

template <typename S, typename T>
Field<S> IntegerField(std::string path, T S::*member, Range range, std::string doc) {
  return {std::move(path),
          IntegerText(range, ""),
          std::move(doc),
          [=](const FieldInput& in, S& out) {
            if (const auto value = ReadInteger(in, range, "")) out.*member = static_cast<T>(*value);
          },
          [=](const S& in) { return fmt::format("{}", in.*member); },
          {},
          {}};
}

/// A number whose value 0 is written `auto`.
template <typename S, typename T>
Field<S> AutoField(std::string path, T S::*member, Range range, std::string doc) {
  constexpr bool kWhole = std::is_integral_v<T>;
  return {std::move(path),
          kWhole ? IntegerText(range, "auto") : NumberText(range, "auto"),
          std::move(doc),
          [=](const FieldInput& in, S& out) {
            if (IsWord(in.node, "auto")) {
              out.*member = 0;
            } else if constexpr (kWhole) {
              if (const auto v = ReadInteger(in, range, "auto")) out.*member = static_cast<T>(*v);
            } else {
              if (const auto v = ReadNumber(in, range, "auto")) out.*member = *v;
            }
          },
          [=](const S& in) {
            return in.*member == 0 ? std::string("auto") : fmt::format("{}", in.*member);
          },
          {},
          {}};
}

template <typename S>
Field<S> FlagField(std::string path, bool S::*member, std::string doc) {
  return {std::move(path),
          "true or false",
          std::move(doc),
          [=](const FieldInput& in, S& out) {
            if (const auto value = ParseFlag(in.node)) {
              out.*member = *value;
            } else {
              in.FailExpected("true or false");
            }
          },
          [=](const S& in) { return std::string(in.*member ? "true" : "false"); },
          {},
          {}};
}

/// `valid` judges the text; `allowed` says what it wants.
template <typename S>
Field<S> TextField(std::string path, std::string S::*member, bool (*valid)(const std::string&),
                   std::string allowed, std::string doc) {
  return {std::move(path),
          allowed,
          std::move(doc),
          [=](const FieldInput& in, S& out) {
            if (in.node.IsScalar() && valid(in.node.text)) {
              out.*member = in.node.text;
            } else {
              in.FailExpected(allowed);
            }
          },
          [=](const S& in) { return PrintText(in.*member); },
          {},
          {}};
}

/// A text that no message may quote.
template <typename S>
Field<S> SecretField(std::string path, std::string S::*member, bool (*valid)(const std::string&),
                     std::string allowed, std::string doc) {
  Field<S> field = TextField<S>(std::move(path), member, valid, allowed, std::move(doc));
  field.read = [=](const FieldInput& in, S& out) {
    if (in.node.IsScalar() && valid(in.node.text)) {
      out.*member = in.node.text;
    } else {
      in.Fail("found something else, expected " + allowed);
    }
  };
  return field;
}

template <typename S, typename E>
Field<S> WordField(std::string path, E S::*member, Words<E> table, std::vector<std::string> not_yet,
                   std::string doc) {
  std::vector<std::string> words;
  for (const auto& [word, value] : table) words.push_back(word);
  return {std::move(path),
          WordsText(words, not_yet),
          std::move(doc),
          [=, not_yet = std::move(not_yet)](const FieldInput& in, S& out) {
            if (const auto i = ReadWord(in, words, not_yet)) out.*member = table[*i].second;
          },
          [member, table = std::move(table)](const S& in) {
            for (const auto& [word, value] : table) {
              if (value == in.*member) return word;
            }
            return std::string();
          },
          {},
          {},
          std::move(words)};
}

template <typename S>
Field<S> DurationField(std::string path, Duration S::*member, Range range, std::string doc) {
  return {std::move(path),
          "duration (500ms, 60s, 5m, 1h), " + range.ToString(),
          std::move(doc),
          [=](const FieldInput& in, S& out) {
            if (const auto value = ReadDuration(in, range, "")) out.*member = *value;
          },
          [=](const S& in) { return PrintDuration(in.*member); },
          {},
          {}};
}

/// A key of the contract whose feature has no other value yet: the words of `accepted` pass and
/// change nothing; everything else is refused as not supported yet. Prints the first word.
template <typename S>
Field<S> FixedField(std::string path, std::vector<std::string> accepted,
                    std::vector<std::string> not_yet, std::string doc) {
  return {std::move(path),
          WordsText(accepted, not_yet),
          std::move(doc),
          [accepted, not_yet = std::move(not_yet)](const FieldInput& in, S&) {
            if (accepted.empty()) {
              in.Fail("not supported yet");
            } else if (in.node.IsScalar() && !not_yet.empty()) {
              ReadWord(in, accepted, not_yet);
            } else if (!in.node.IsScalar() || std::find(accepted.begin(), accepted.end(),
                                                        in.node.text) == accepted.end()) {
              in.Fail(fmt::format("{} is not supported yet; {}", in.node.Describe(),
                                  WordsText(accepted, {})));
            }
          },
          [=](const S&) { return accepted.empty() ? std::string() : accepted.front(); },
          {},
          {},
          std::move(accepted)};
}

/// Marks fields that only make sense beside certain values.
template <typename S>
Field<S> OnlyWith(Field<S> field, const std::string& only_with,
                  std::function<bool(const S&)> applies) {
  field.only_with = only_with;
  field.applies = std::move(applies);
  return field;
}

/// Adds the fields of a member struct under `prefix`.
template <typename Outer, typename Inner>
void AppendFields(FieldList<Outer>& out, const std::string& prefix, Inner Outer::*member,
                  const FieldList<Inner>& fields) {
  for (const Field<Inner>& field : fields) {
    Field<Outer> lifted{prefix + "." + field.path, field.allowed, field.doc, {}, {}, {},
                        field.only_with,           field.words};
    lifted.read = [read = field.read, member](const FieldInput& in, Outer& target) {
      read(in, target.*member);
    };
    if (field.print) {
      lifted.print = [print = field.print, member](const Outer& from) {
        return print(from.*member);
      };
    }
    if (field.applies) {
      lifted.applies = [applies = field.applies, member](const Outer& from) {
        return applies(from.*member);
      };
    }
    out.push_back(std::move(lifted));
  }
}

}  // namespace stillhouse
