#include "common/config/field_reader.h"

#include <algorithm>

namespace stillhouse {

std::vector<std::string> ChildKeys(const std::vector<std::string>& paths,
                                   const std::string& section) {
  std::vector<std::string> keys;
  for (const std::string& path : paths) {
    if (!path.starts_with(section)) continue;
    const std::string rest = path.substr(section.size());
    std::string key = rest.substr(0, rest.find('.'));
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace stillhouse
