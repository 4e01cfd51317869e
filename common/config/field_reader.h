#pragma once

#include <string>
#include <vector>

#include "common/config/field.h"

// Walks a map of keys against a field list. Every deviation is reported, none ends the walk.

namespace stillhouse {

/// Direct children of `section` ("" or "optimizer.") among `paths`.
std::vector<std::string> ChildKeys(const std::vector<std::string>& paths,
                                   const std::string& section);

template <typename S>
struct FieldWalk {
  const std::string& base;  ///< full path of the struct: "", "students.small."
  const FieldList<S>& fields;
  const std::vector<std::string>& paths;  ///< of `fields`
  S& target;
  FieldContext& context;

  void Section(const ConfigNode& map, const std::string& section) const {
    if (map.IsNull()) return;
    if (map.kind != ConfigNode::Kind::kMap) {
      std::string path = base + section;
      if (!path.empty()) path.pop_back();
      context.errors.Add(map.place, path, "found " + map.Describe() + ", expected a map of keys");
      return;
    }
    for (const auto& [key, place, value] : map.entries) Entry(section, key, place, value);
  }

  void Entry(const std::string& section, const std::string& key, const ConfigPlace& place,
             const ConfigNode& value) const {
    const std::string path = section + key;
    const std::string full = base + path;
    bool is_section = false;
    for (const Field<S>& field : fields) {
      if (field.path == path && key.find('.') == std::string::npos) {
        if (value.IsNull()) return;  // a null value asks for the default
        context.set[full] = value.place;
        field.read(FieldInput{value, full, context}, target);
        return;
      }
      is_section = is_section || (field.path.starts_with(path + ".") && !key.empty());
    }
    if (is_section && key.find('.') == std::string::npos) {
      Section(value, path + ".");
    } else {
      context.errors.Add(place, full, "unknown key; " + Suggest(key, ChildKeys(paths, section)));
    }
  }

  void CheckApplies() const {
    for (const Field<S>& field : fields) {
      const auto set = context.set.find(base + field.path);
      if (set != context.set.end() && field.applies && !field.applies(target)) {
        context.errors.Add(set->second, base + field.path,
                           "has no meaning here: only with " + field.only_with);
      }
    }
  }
};

/// Reads a map (or nothing) into `target`. `base` ends with a dot unless empty.
template <typename S>
void ReadFields(const ConfigNode& map, const std::string& base, const FieldList<S>& fields,
                S& target, FieldContext& context) {
  std::vector<std::string> paths;
  for (const Field<S>& field : fields) paths.push_back(field.path);
  const FieldWalk<S> walk{base, fields, paths, target, context};
  walk.Section(map, "");
  walk.CheckApplies();
}

}  // namespace stillhouse
