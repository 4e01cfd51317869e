#include "tests/support/include_rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <fmt/format.h>

namespace stillhouse::house {
namespace {

using Parts = std::set<std::string>;

const Parts kCommonWithoutMpi = {"common/base",     "common/model",  "common/telemetry",
                                 "common/messages", "common/config", "common/run",
                                 "common/net"};

Parts Join(Parts left, const Parts& right) {
  left.insert(right.begin(), right.end());
  return left;
}

/// part -> parts that it may include besides itself. The order of the house: lowest first.
const std::map<std::string, Parts>& Arrows() {
  static const std::map<std::string, Parts> kArrows = [] {
    const Parts base = {"common/base"};
    const Parts roles = Join(kCommonWithoutMpi, {"replay"});
    const Parts torch = {"common/base", "common/model",     "common/messages",  "common/config",
                         "replay",      "learner/protocol", "common/telemetry", "learner/nn"};
    std::map<std::string, Parts> arrows;
    arrows["common/base"] = {};
    arrows["common/model"] = base;
    arrows["common/export"] = {"common/base", "common/model"};
    arrows["common/telemetry"] = base;
    arrows["common/messages"] = {"common/base", "common/model"};
    arrows["common/config"] = {"common/base", "common/model", "common/telemetry",
                               "common/messages"};
    arrows["common/run"] = {"common/base", "common/model", "common/telemetry", "common/messages",
                            "common/config"};
    arrows["common/comm"] = {"common/base", "common/messages"};
    arrows["common/net"] = {"common/base", "common/messages"};
    arrows["replay"] = kCommonWithoutMpi;
    arrows["actors/env"] = base;
    arrows["actors"] = Join(roles, {"actors/env"});
    arrows["learner/protocol"] = roles;
    arrows["learner/driver"] = Join(roles, {"learner/protocol"});
    arrows["learner/nn"] = torch;
    arrows["learner/td"] = torch;
    arrows["learner/distill"] = Join(torch, {"learner/td"});
    arrows["learner/module"] = Join(torch, {"learner/td", "learner/distill"});
    arrows["cli"] = Join(roles, {"common/comm", "common/export", "actors", "actors/env",
                                 "learner/protocol", "learner/driver"});
    return arrows;
  }();
  return kArrows;
}

/// Tests and benchmarks stand above everything and may include any of it.
bool IsAboveTheHouse(std::string_view path) {
  return path.starts_with("tests/") || path.starts_with("bench/");
}

/// A library that only some files may name.
struct Library {
  std::string_view name;
  std::vector<std::string_view> headers;  ///< prefixes of its include paths
  std::vector<std::string_view> homes;    ///< prefixes of the files that may
};

const std::vector<Library>& Libraries() {
  static const std::vector<Library> kLibraries = {
      {"MPI", {"mpi.h"}, {"common/comm/", "tests/common/comm/"}},
      {"Asio", {"boost/asio", "asio"}, {"common/net/", "tests/common/net/"}},
      {"yaml-cpp", {"yaml-cpp/"}, {"common/config/config_load.cc"}},
      {"spdlog", {"spdlog/"}, {"common/telemetry/log.cc"}},
      {"Box2D", {"box2d/"}, {"actors/env/box2d/"}},
      {"ONNX",
       {"onnx/", "google/protobuf"},
       {"common/export/onnx_model.cc", "tests/common/export/onnx_model_test.cc"}},
      {"Torch",
       {"torch/", "ATen/", "c10/", "caffe2/"},
       {"learner/nn/", "learner/td/", "learner/distill/", "learner/module/", "tests/learner/nn/",
        "tests/learner/td/", "tests/learner/distill/", "tests/conformance_suite/", "tests/support/",
        "bench/"}},
  };
  return kLibraries;
}

template <typename Prefixes>
bool StartsWithAny(std::string_view text, const Prefixes& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool IsHeader(std::string_view path) { return path.ends_with(".h"); }

std::string ArrowProblem(std::string_view path, const Include& include) {
  if (include.path.ends_with(".cc")) return "includes a .cc file";
  if (include.path.starts_with("tests/") || include.path.starts_with("bench/")) {
    return IsAboveTheHouse(path) ? "" : "includes what only tests and benchmarks may";
  }
  const std::string to = PartOf(include.path);
  if (to.empty()) return "is not a path from the root into a known folder";
  if (IsAboveTheHouse(path)) return "";
  const std::string from = PartOf(path);
  if (from.empty()) return "stands in a folder that the house does not know";
  if (from == to || Arrows().at(from).contains(to)) return "";
  return fmt::format("{} must not include {}", from, to);
}

}  // namespace

std::vector<Include> IncludesOf(std::string_view text) {
  static const std::regex kPattern(R"(^\s*#\s*include\s*(["<])([^">]+)[">])");
  std::vector<Include> includes;
  int number = 0;
  for (const std::string& line : Lines(text)) {
    ++number;
    std::smatch match;
    if (std::regex_search(line, match, kPattern)) {
      includes.push_back({number, match[2].str(), match[1].str() == "\""});
    }
  }
  return includes;
}

std::string PartOf(std::string_view path) {
  // The longest known part wins: "actors/env/minatar/breakout.h" is "actors/env", not "actors".
  std::string best;
  for (const auto& [part, unused] : Arrows()) {
    const bool inside = path.starts_with(part) && path.size() > part.size() &&
                        path[part.size()] == '/' && part.size() > best.size();
    if (inside) best = part;
  }
  return best;
}

std::vector<std::string> IncludeProblems(std::string_view path, std::string_view text) {
  std::vector<std::string> problems;
  for (const Include& include : IncludesOf(text)) {
    const auto complain = [&](std::string_view why) {
      problems.push_back(fmt::format("{}:{}: {}: {}", path, include.line, include.path, why));
    };
    if (include.quoted) {
      if (const std::string why = ArrowProblem(path, include); !why.empty()) complain(why);
    }
    for (const Library& library : Libraries()) {
      if (StartsWithAny(include.path, library.headers) && !StartsWithAny(path, library.homes)) {
        complain(fmt::format("{} may not be named here", library.name));
      }
    }
  }
  return problems;
}

std::vector<std::string> ShapeProblems(std::string_view path, std::string_view text) {
  constexpr std::size_t kMaxLines = 400;
  std::vector<std::string> problems;
  const std::vector<std::string> lines = Lines(text);
  if (lines.size() > kMaxLines) {
    problems.push_back(fmt::format("{}: {} lines, at most {}", path, lines.size(), kMaxLines));
  }
  if (!IsHeader(path)) return problems;
  if (text.find("#pragma once") == std::string_view::npos) {
    problems.push_back(fmt::format("{}: a header without #pragma once", path));
  }
  static const std::regex kUsing(R"(^\s*using\s+namespace\s)");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (std::regex_search(lines[i], kUsing)) {
      problems.push_back(fmt::format("{}:{}: using namespace in a header", path, i + 1));
    }
  }
  return problems;
}

std::vector<std::string> MachinePathProblems(std::string_view path, std::string_view text) {
  // Written in pieces, so that this file does not name what it forbids.
  static const std::regex kPlace(std::string("(^|[^A-Za-z0-9_.}])/(home|root|Users|work") +
                                 "|mnt)/[A-Za-z0-9_]");
  std::vector<std::string> problems;
  const std::vector<std::string> lines = Lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::smatch match;
    if (std::regex_search(lines[i], match, kPlace)) {
      problems.push_back(
          fmt::format("{}:{}: names a place of one machine: {}", path, i + 1, match.str()));
    }
  }
  return problems;
}

}  // namespace stillhouse::house
