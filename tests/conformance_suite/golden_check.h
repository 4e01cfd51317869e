#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/support/conformance_data.h"

namespace stillhouse::testing {

/// A case that remembers which of its expected values were compared.
struct CheckedCase : GoldenCase {
  mutable std::set<std::string> checked = {};
};

/// All cases of the golden files under losses/, by the topic that the files state.
inline const std::map<std::string, std::vector<GoldenCase>>& LossCases() {
  static const auto cases = [] {
    std::map<std::string, std::vector<GoldenCase>> by_topic;
    for (const auto& path : ListConformanceFiles("losses", ".json")) {
      auto& of_topic = by_topic[GoldenTopic(path)];
      for (auto& golden : ReadGolden(path)) of_topic.push_back(std::move(golden));
    }
    return by_topic;
  }();
  return cases;
}

template <typename T>
std::vector<T> As(const GoldenTensor& tensor) {
  return std::vector<T>(tensor.data.begin(), tensor.data.end());
}

/// Compares where the case expects `key`.
template <typename T>
void Expect(const CheckedCase& golden, const std::string& key, const std::vector<T>& got) {
  if (!golden.HasExpected(key)) return;
  golden.checked.insert(key);
  EXPECT_EQ(golden.Mismatch(key, std::vector<double>(got.begin(), got.end())), "") << key;
}

template <typename T>
void Expect(const CheckedCase& golden, const std::string& key, T got) {
  Expect(golden, key, std::vector<T>{got});
}

inline std::size_t Columns(const GoldenTensor& tensor) {
  return static_cast<std::size_t>(tensor.shape.at(1));
}

/// Calls check(golden, T{}) for every case of a topic, T its dtype; fails for a value that a case
/// expects and `check` did not compare, but those of `unchecked`.
template <typename Check>
void ForEachCase(const std::string& topic, Check check,
                 const std::set<std::string>& unchecked = {}) {
  if (!std::filesystem::is_directory(ConformanceDirectory() / "losses")) {
    GTEST_SKIP() << "no directory " << ConformanceDirectory() / "losses";
  }
  const auto found = LossCases().find(topic);
  ASSERT_TRUE(found != LossCases().end() && !found->second.empty()) << topic;
  for (const GoldenCase& plain : found->second) {
    const CheckedCase golden{plain};
    SCOPED_TRACE(topic + ": " + golden.name + " " + golden.dtype);
    if (golden.dtype == "float32") {
      check(golden, float{});
    } else {
      check(golden, double{});
    }
    for (const auto& [key, tensor] : golden.expected) {
      EXPECT_TRUE(golden.checked.count(key) + unchecked.count(key) > 0) << key << " not compared";
    }
  }
}

}  // namespace stillhouse::testing
