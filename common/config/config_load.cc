// YAML to ConfigNode, `include:`, `--set`, then the field list. The only file that sees yaml-cpp.
#include "common/config/config_load.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/config/config_check.h"
#include "common/config/config_fields.h"
#include "common/config/feature_check.h"
#include "common/config/field_reader.h"

namespace stillhouse {
namespace {

// Bounds on what a hostile or broken file can cost.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxNodes = 20000;  // aliases can multiply a small file
constexpr std::size_t kMaxKeys = 1000;    // of one map
constexpr int kMaxDepth = 40;
constexpr std::size_t kMaxIncludes = 16;

/// Copies YAML's nodes, with their places.
class NodeConverter {
 public:
  NodeConverter(const ConfigPlace& origin, std::string root, ConfigErrors& errors)
      : origin_(origin), root_(std::move(root)), errors_(errors) {}

  ConfigNode Convert(const YAML::Node& yaml) { return Node(yaml, root_, 0); }

 private:
  ConfigPlace PlaceOf(const YAML::Node& yaml) const {
    ConfigPlace place = origin_;
    if (place.override.empty()) place.line = std::max(0, yaml.Mark().line + 1);
    return place;
  }

  ConfigNode Node(const YAML::Node& yaml, const std::string& path, int depth) {
    ConfigNode node;
    node.place = PlaceOf(yaml);
    if (++count_ > kMaxNodes || depth > kMaxDepth) {
      errors_.Add(
          origin_, "",
          fmt::format("nested deeper than {} levels or more than {} values", kMaxDepth, kMaxNodes));
      count_ = kMaxNodes + 1;  // stops the walk everywhere
      return node;
    }
    if (yaml.IsScalar()) {
      node.kind = ConfigNode::Kind::kScalar;
      node.text = yaml.Scalar();
      node.quoted = yaml.Tag() == "!" || yaml.Tag() == "tag:yaml.org,2002:str";
    } else if (yaml.IsSequence()) {
      node.kind = ConfigNode::Kind::kList;
      for (const YAML::Node& item : yaml) {
        if (count_ > kMaxNodes) break;
        node.items.push_back(Node(item, fmt::format("{}[{}]", path, node.items.size()), depth + 1));
      }
    } else if (yaml.IsMap()) {
      node.kind = ConfigNode::Kind::kMap;
      Map(yaml, path, depth, node);
    }
    return node;
  }

  void Map(const YAML::Node& yaml, const std::string& path, int depth, ConfigNode& map) {
    for (const auto& pair : yaml) {
      if (count_ > kMaxNodes) return;
      const ConfigPlace place = PlaceOf(pair.first);
      if (!pair.first.IsScalar() || map.entries.size() == kMaxKeys) {
        errors_.Add(place, path,
                    fmt::format("a key must be a plain word, at most {} in one map", kMaxKeys));
        return;
      }
      const std::string& key = pair.first.Scalar();
      const std::string full = path.empty() ? key : path + "." + key;
      if (const ConfigNode::Entry* first = map.Find(key)) {
        errors_.Add(place, full, fmt::format("given twice (first at line {})", first->place.line));
        continue;
      }
      map.entries.push_back({key, place, Node(pair.second, full, depth + 1)});
    }
  }

  const ConfigPlace origin_;
  const std::string root_;
  ConfigErrors& errors_;
  std::size_t count_ = 0;
};

/// Listens to nothing.
class SilentHandler final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// YAML::Load ignores what follows the first document (also a stray bracket), and YAML::LoadAll
/// never returns from some such input.
bool HasMoreThanOneDocument(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  SilentHandler silent;
  return parser.HandleNextDocument(silent) && parser.HandleNextDocument(silent);
}

/// One YAML document. Broken YAML is reported; the result is then null.
ConfigNode ParseYaml(const std::string& text, const ConfigPlace& origin, const std::string& root,
                     ConfigErrors& errors) {
  try {
    if (HasMoreThanOneDocument(text)) {
      errors.Add(origin, root, "more than one YAML document: a stray bracket, or text after '---'");
      return {};
    }
    return NodeConverter(origin, root, errors).Convert(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    ConfigPlace place = origin;
    if (place.override.empty()) place.line = error.mark.line + 1;
    errors.Add(place, root, "not valid YAML: " + error.msg);
  }
  return {};
}

/// `over` wins; maps merge, everything else replaces.
void Merge(ConfigNode& base, ConfigNode over) {
  if (base.kind != ConfigNode::Kind::kMap || over.kind != ConfigNode::Kind::kMap) {
    base = std::move(over);
    return;
  }
  for (ConfigNode::Entry& entry : over.entries) {
    if (ConfigNode::Entry* existing = base.Find(entry.key)) {
      existing->place = entry.place;
      Merge(existing->value, std::move(entry.value));
    } else {
      base.entries.push_back(std::move(entry));
    }
  }
}

/// Reads files and what they include, outermost last.
class FileLoader {
 public:
  explicit FileLoader(ConfigErrors& errors) : errors_(errors) {}

  ConfigNode File(const std::filesystem::path& path, const ConfigPlace& wanted_by) {
    const bool included = !stack_.empty();
    const std::string name = path.string();
    const auto fail = [&](const std::string& message) {
      if (included) {
        errors_.Add(wanted_by, "include", fmt::format("{}: {}", name, message));
      } else {
        errors_.Add(ConfigPlace{name, 0, {}}, "", message);
      }
      return ConfigNode{};
    };
    std::error_code ignored;
    const auto canonical = std::filesystem::weakly_canonical(path, ignored);
    if (std::find(stack_.begin(), stack_.end(), canonical) != stack_.end()) {
      return fail("includes itself");
    }
    if (stack_.size() >= kMaxIncludes || ++files_ > kMaxIncludes) {
      return fail(fmt::format("more than {} included files", kMaxIncludes));
    }
    if (std::filesystem::is_directory(path, ignored)) return fail("is a directory");
    std::ifstream in(path, std::ios::binary);
    if (!in) return fail("cannot be read; no such file, or no permission");
    std::string text(kMaxFileBytes + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxFileBytes) return fail(fmt::format("above {} bytes", kMaxFileBytes));
    stack_.push_back(canonical);
    ConfigNode node = Text(text, name, path.parent_path());
    stack_.pop_back();
    return node;
  }

  ConfigNode Text(const std::string& text, const std::string& name,
                  const std::filesystem::path& directory) {
    ConfigNode node = ParseYaml(text, ConfigPlace{name, 1, {}}, "", errors_);
    const ConfigNode::Entry* include = node.Find("include");
    if (include == nullptr) return node;
    ConfigNode base;
    const ConfigNode& value = include->value;
    const std::vector<ConfigNode> names =
        value.kind == ConfigNode::Kind::kList ? value.items : std::vector<ConfigNode>{value};
    for (const ConfigNode& wanted : names) {
      if (wanted.IsScalar()) {
        Merge(base, File(directory / wanted.text, wanted.place));
      } else {
        errors_.Add(wanted.place, "include",
                    fmt::format("found {}, expected the path of a YAML file", wanted.Describe()));
      }
    }
    std::erase_if(node.entries, [](const auto& entry) { return entry.key == "include"; });
    Merge(base, std::move(node));
    return base;
  }

 private:
  ConfigErrors& errors_;
  std::vector<std::filesystem::path> stack_;
  std::size_t files_ = 0;
};

/// Puts one "key.path=value" into the tree.
void ApplyOverride(const std::string& text, ConfigNode& root, ConfigErrors& errors) {
  const std::size_t equals = text.find('=');
  const std::string path = text.substr(0, equals);
  const ConfigPlace place{{}, 0, WithoutToken(text)};
  if (equals == std::string::npos || path.empty() || path.front() == '.' || path.back() == '.' ||
      path.find("..") != std::string::npos) {
    errors.AddLine(fmt::format("--set {}: expected key.path=value", WithoutToken(text)));
    return;
  }
  ConfigNode value = ParseYaml(text.substr(equals + 1), place, path, errors);
  value.place = place;
  ConfigNode* node = &root;
  std::istringstream keys(path);
  for (std::string key; std::getline(keys, key, '.');) {
    if (node->kind != ConfigNode::Kind::kMap) {
      *node = ConfigNode{};
      node->kind = ConfigNode::Kind::kMap;
      node->place = place;
    }
    ConfigNode::Entry* entry = node->Find(key);
    if (entry == nullptr) {
      node->entries.push_back({key, place, ConfigNode{}});
      entry = &node->entries.back();
    }
    entry->place = place;
    node = &entry->value;
  }
  *node = std::move(value);
}

RunConfig Resolve(ConfigNode root, const std::string& name, const LoadOptions& options,
                  FieldContext context) {
  for (const std::string& text : options.overrides) ApplyOverride(text, root, context.errors);
  RunConfig config;
  ReadFields(root, "", RunFields(), config, context);
  constexpr const char* kLimits[] = {"stop.frames", "stop.updates", "stop.time",
                                     "stop.teacher_return"};
  const bool limited = std::any_of(std::begin(kLimits), std::end(kLimits),
                                   [&](const char* path) { return context.set.count(path) != 0; });
  const bool plays = !HasFrozenTeacher(config) && !LearnsFromStored(config);
  if (!limited && plays) config.stop.frames = StopSettings::kDefaultFrames;
  CheckContradictions(config, name, options, context);
  context.errors.ThrowIfAny();
  FillDefaults(config);
  CheckFeatures(config, name, context);  // the layers that it names may be defaults
  context.errors.ThrowIfAny();
  return config;
}

}  // namespace

RunConfig LoadConfig(const std::string& path, const LoadOptions& options) {
  FieldContext context;
  ConfigNode root = FileLoader(context.errors).File(path, {});
  if (root.IsNull()) context.errors.ThrowIfAny();  // nothing to read: further errors would mislead
  return Resolve(std::move(root), path, options, std::move(context));
}

RunConfig LoadConfigText(std::string_view text, const std::string& name,
                         const LoadOptions& options) {
  FieldContext context;
  if (text.size() > kMaxFileBytes) {
    throw ConfigError(fmt::format("{}: above {} bytes", name, kMaxFileBytes));
  }
  ConfigNode root = FileLoader(context.errors).Text(std::string(text), name, {});
  if (root.IsNull()) context.errors.ThrowIfAny();
  return Resolve(std::move(root), name, options, std::move(context));
}

}  // namespace stillhouse
