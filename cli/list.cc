#include "cli/list.h"

#include <ostream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "actors/env/environment_factory.h"
#include "common/base/error.h"
#include "common/config/config_fields.h"

namespace stillhouse::cli {
namespace {

struct Option {
  std::string name;
  std::string values;  ///< may be empty
  std::string fallback;
  std::string description;
};

struct Item {
  std::string name;
  std::string kind;
  std::string description;
  std::vector<Option> options;
};

std::vector<Item> Environments() {
  std::vector<Item> items;
  for (const actors::EnvironmentInfo& info : actors::BuiltInEnvironments()) {
    Item item{info.id, "environment", info.description, {}};
    for (const auto& option : info.options) {
      item.options.push_back({option.name, "", option.default_value, option.description});
    }
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<Item> Layers() {
  std::vector<Item> items;
  for (const LayerDoc& layer : LayerDocs()) {
    Item item{layer.name, "layer", layer.doc, {}};
    for (const LayerOption& option : layer.options) {
      item.options.push_back({option.name, option.allowed, option.fallback, option.doc});
    }
    items.push_back(std::move(item));
  }
  return items;
}

/// The keys under `section` that have a meaning for one of `variants`, but for the key `skip`.
template <typename S>
std::vector<Option> OptionsUnder(const FieldList<S>& fields, const std::string& section,
                                 const std::string& skip, const std::vector<S>& variants) {
  std::vector<Option> options;
  for (const Field<S>& field : fields) {
    if (!field.path.starts_with(section + ".") || field.path == section + "." + skip) continue;
    const std::string fallback = field.print(variants.front());
    const bool means_something =
        !field.applies || std::any_of(variants.begin(), variants.end(), field.applies);
    if (fallback.empty() || !means_something) continue;  // empty: not supported yet
    options.push_back({field.path.substr(section.size() + 1), field.allowed, fallback, field.doc});
  }
  return options;
}

/// A field's doc may explain its words one by one ("kl: ...; mse: ..."); the part of `word`, or
/// all of it.
std::string DocOfWord(const std::string& doc, const std::string& word) {
  const std::string text = "; " + doc;
  const std::size_t begin = text.find("; " + word + ": ");
  if (begin == std::string::npos) return doc;
  const std::size_t from = begin + word.size() + 4;
  return text.substr(from, text.find("; ", from) - from);
}

/// One item for each word of the field `section.key`, with what applies beside that word.
/// `widen` adds settings under which further keys apply.
template <typename S>
std::vector<Item> Kinds(const FieldList<S>& fields, const std::string& section,
                        const std::string& key, const std::string& kind, void (*widen)(S&)) {
  std::vector<Item> items;
  for (const Field<S>& field : fields) {
    if (field.path != section + "." + key) continue;
    for (const std::string& word : field.words) {
      S plain;
      FieldContext context;
      ConfigNode node;
      node.kind = ConfigNode::Kind::kScalar;
      node.text = word;
      field.read(FieldInput{node, field.path, context}, plain);
      S wide = plain;
      widen(wide);
      items.push_back({word, kind, DocOfWord(field.doc, word),
                       OptionsUnder<S>(fields, section, key, {plain, wide})});
    }
  }
  return items;
}

std::vector<Item> Losses() {
  return Kinds<StudentSettings>(StudentFields(), "loss", "kind", "distillation loss",
                                [](StudentSettings& s) { s.loss.temper = Temper::kBoth; });
}

std::vector<Item> Algorithms() {
  const FieldList<TeacherSettings> fields = TeacherFields();
  std::vector<Item> items = Kinds<TeacherSettings>(
      fields, "algorithm", "kind", "algorithm",
      [](TeacherSettings& t) { t.algorithm.loss = AlgorithmSettings::Loss::kHuber; });
  std::vector<Item> optimizers =
      Kinds<TeacherSettings>(fields, "optimizer", "kind", "optimizer", [](TeacherSettings&) {});
  items.insert(items.end(), optimizers.begin(), optimizers.end());
  return items;
}

void PrintItems(const std::vector<Item>& items, std::ostream& out) {
  for (const Item& item : items) {
    out << fmt::format("{}  ({}) {}\n", item.name, item.kind, item.description);
    for (const Option& option : item.options) {
      out << fmt::format("    {:<20} default {:<10} {}{}{}\n", option.name, option.fallback,
                         option.values, option.values.empty() ? "" : ". ", option.description);
    }
  }
}

void PrintJson(const std::vector<Item>& items, std::ostream& out) {
  nlohmann::json array = nlohmann::json::array();
  for (const Item& item : items) {
    nlohmann::json options = nlohmann::json::array();
    for (const Option& option : item.options) {
      options.push_back({{"name", option.name},
                         {"values", option.values},
                         {"default", option.fallback},
                         {"description", option.description}});
    }
    array.push_back({{"name", item.name},
                     {"kind", item.kind},
                     {"description", item.description},
                     {"options", options}});
  }
  out << array.dump(2) << "\n";
}

}  // namespace

std::vector<EnvironmentChoice> EnvironmentChoices() {
  std::vector<EnvironmentChoice> choices;
  for (const actors::EnvironmentInfo& info : actors::BuiltInEnvironments()) {
    EnvironmentChoice choice{info.id, {}};
    for (const auto& option : info.options) choice.options.push_back(option.name);
    // What a data set's files hold is not known yet.
    if (!info.needs_files) {
      choice.num_actions = actors::MakeEnvironment(info.id)->Spec().num_actions;
    }
    choices.push_back(std::move(choice));
  }
  return choices;
}

int RunList(const std::string& what, bool json, std::ostream& out) {
  std::vector<Item> items;
  if (what == "envs") {
    items = Environments();
  } else if (what == "networks") {
    items = Layers();
  } else if (what == "losses") {
    items = Losses();
  } else if (what == "algorithms") {
    items = Algorithms();
  } else {
    throw ConfigError(fmt::format("list: unknown '{}'; {}", what,
                                  Suggest(what, {"envs", "networks", "losses", "algorithms"})));
  }
  json ? PrintJson(items, out) : PrintItems(items, out);
  return 0;
}

}  // namespace stillhouse::cli
