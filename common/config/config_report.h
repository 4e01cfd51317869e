#pragma once

#include <string>
#include <vector>

#include "common/config/field.h"

namespace stillhouse {

/// Reports `message` of the key `path`, at the place where it was set; where it was not, at that of
/// the first of `instead` that was; else at the file's beginning.
inline void ReportAt(FieldContext& context, const std::string& file, const std::string& path,
                     const std::vector<std::string>& instead, const std::string& message) {
  auto place = context.set.find(path);
  for (const std::string& other : instead) {
    if (place == context.set.end()) place = context.set.find(other);
  }
  const ConfigPlace nowhere{file, 1, {}};
  context.errors.Add(place == context.set.end() ? nowhere : place->second, path, message);
}

}  // namespace stillhouse
