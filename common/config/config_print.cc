#include "common/config/config_print.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/config/config_fields.h"

namespace stillhouse {
namespace {

std::vector<std::string> Split(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t dot; (dot = path.find('.', begin)) != std::string::npos; begin = dot + 1) {
    parts.push_back(path.substr(begin, dot - begin));
  }
  parts.push_back(path.substr(begin));
  return parts;
}

/// Dotted paths, neighbours by section, to nested YAML.
class YamlWriter {
 public:
  explicit YamlWriter(std::size_t indent) : indent_(indent) {}

  void Put(const std::string& path, const std::string& value) {
    std::vector<std::string> parts = Split(path);
    const std::string key = parts.back();
    parts.pop_back();
    std::size_t same = 0;
    while (same < parts.size() && same < open_.size() && parts[same] == open_[same]) ++same;
    for (std::size_t i = same; i < parts.size(); ++i) Line(i, parts[i], "");
    open_ = parts;
    Line(parts.size(), key, value);
  }
  void Append(const std::string& text) {
    text_ += text;
    open_.clear();
  }
  const std::string& Text() const { return text_; }

 private:
  void Line(std::size_t depth, const std::string& key, const std::string& value) {
    text_ += std::string(indent_ + 2 * depth, ' ') + key + ":" + (value.empty() ? "" : " ") +
             value + "\n";
  }

  const std::size_t indent_;
  std::vector<std::string> open_;
  std::string text_;
};

template <typename S>
void PutFields(const FieldList<S>& fields, const S& from, YamlWriter& out) {
  for (const Field<S>& field : fields) {
    if (!field.print || (field.applies && !field.applies(from))) continue;
    const std::string value = field.print(from);
    if (!value.empty()) out.Put(field.path, value);
  }
}

std::string PrintStudents(const std::vector<StudentSettings>& students) {
  if (students.empty()) return "students: {}\n";
  const FieldList<StudentSettings> fields = StudentFields();
  std::string text = "students:\n";
  for (const StudentSettings& student : students) {
    YamlWriter out(4);
    PutFields(fields, student, out);
    text += fmt::format("  {}:\n{}", PrintText(student.name), out.Text());
  }
  return text;
}

std::string Capitalised(std::string text) {
  const std::string_view prefix = "allowed: ";
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  return text;
}

template <typename S>
std::string Row(const Field<S>& field, const std::string& prefix, const S& defaults) {
  std::string value = field.print ? field.print(defaults) : "";
  if (field.path == "env.id") value = "(required)";
  if (field.path.ends_with("network.layers")) value = "(by environment)";
  if (field.path == "stop.frames") value = "none, or 5000000 without any limit";
  if (field.path == "students") value = "{}";
  if (value.empty()) value = "(unset)";
  std::string doc = field.doc;
  if (!field.only_with.empty()) doc += fmt::format(" Only with `{}`.", field.only_with);
  return fmt::format("| `{}{}` | {} | `{}` | {} |\n", prefix, field.path,
                     Capitalised(field.allowed), value, doc);
}

constexpr const char* kTableHead =
    "| key | values | default | meaning |\n| --- | --- | --- | --- |\n";

std::string SectionOf(const std::string& path) { return path.substr(0, path.find('.')); }

std::string DocumentSections() {
  std::string text, section;
  const RunConfig defaults;
  for (const auto& field : RunFields()) {
    if (SectionOf(field.path) != section) {
      section = SectionOf(field.path);
      text += fmt::format("\n## {}\n\n{}", section, kTableHead);
    }
    text += Row(field, "", defaults);
    if (field.path != "students") continue;
    const StudentSettings student;
    for (const auto& of_student : StudentFields()) {
      text += Row(of_student, "students.<name>.", student);
      if (of_student.path != "rewards") continue;
      const RewardSettings rewards;
      for (const auto& of_rewards : RewardFields()) {
        text += Row(of_rewards, "students.<name>.rewards.", rewards);
      }
    }
  }
  return text;
}

std::string DocumentLayers() {
  std::string text =
      "\n## Layers\n\nA layer is its name, or a map of its name to its options: `relu`, "
      "`{linear: 64}`,\n`{conv2d: {filters: 16, kernel: 3}}`. The last one is `q_head`.\n\n"
      "| layer | options | meaning |\n| --- | --- | --- |\n";
  for (const LayerDoc& layer : LayerDocs()) {
    std::string options;
    for (const LayerOption& option : layer.options) {
      options += fmt::format("{}{}: {} ({})", options.empty() ? "" : "; ", option.name,
                             option.allowed, option.fallback);
    }
    text += fmt::format("| `{}` | {} | {} |\n", layer.name, options.empty() ? "none" : options,
                        layer.doc);
  }
  return text;
}

constexpr const char* kIntroduction =
    R"(# Configuration

Generated from the field list in `common/config`; a test fails when this page is stale.

One YAML file describes a run. Everything is checked before anything starts, and all errors are
reported together, each with file and line:

    config.yaml:12: replay.alfa: unknown key; did you mean 'alpha'?

- `stillhouse plan CONFIG -n N` prints the resolved file: every key with its value.
- `--set key.path=value` replaces one value, or a whole map (`--set 'stop={frames: 1e6}'`), under
  the same checks.
- `include: other.yaml`, or a list of files, merges presets, relative to the file that includes
  them. Maps merge, everything else is replaced, and the including file wins.
- A null value (`alpha: ~`) asks for the default, also of a value that an included file sets.
- Durations carry a unit (`500ms`, `60s`, `5m`, `1h`). In deterministic mode they may be counted as
  `1000 updates` or `5000 frames`.
- Numbers may be written `1e6` or `1_000_000`.
- What says `not supported yet` is refused, never taken and ignored.
)";

}  // namespace

std::string PrintConfig(const RunConfig& config) {
  YamlWriter out(0);
  for (const auto& field : RunFields()) {
    if (field.path == "students") {
      out.Append(PrintStudents(config.students));
      continue;
    }
    if (!field.print || (field.applies && !field.applies(config))) continue;
    const std::string value = field.print(config);
    if (!value.empty()) out.Put(field.path, value);
  }
  return out.Text();
}

std::string DocumentConfig() { return kIntroduction + DocumentSections() + DocumentLayers(); }

}  // namespace stillhouse
