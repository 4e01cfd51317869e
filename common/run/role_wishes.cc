#include "common/run/role_wishes.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/error.h"
#include "common/config/model_graph.h"

namespace stillhouse {
namespace {

struct RoleWord {
  const char* word;
  RoleKind kind;
};
// The short words come first: they are what messages use.
constexpr RoleWord kWords[] = {
    {"learner", RoleKind::kLearner},
    {"student", RoleKind::kStudentHost},
    {"shard", RoleKind::kShard},
    {"actor", RoleKind::kActorHost},
    {"student_host", RoleKind::kStudentHost},
    {"actor_host", RoleKind::kActorHost},
};

const char* WordOf(RoleKind kind) {
  return std::find_if(std::begin(kWords), std::end(kWords),
                      [&](const RoleWord& word) { return word.kind == kind; })
      ->word;
}

std::string Describe(const RoleWishes& wishes) {
  std::vector<std::string> ranks;
  for (std::size_t rank = 0; rank < wishes.size(); ++rank) {
    std::vector<std::string> words;
    for (const RoleKind kind : wishes[rank]) words.emplace_back(WordOf(kind));
    ranks.push_back(words.empty() ? fmt::format("{} nothing", rank)
                                  : fmt::format("{} {}", rank, fmt::join(words, "+")));
  }
  return fmt::format("ranks play: {}", fmt::join(ranks, ", "));
}

std::int64_t CountOf(const RoleWishes& wishes, RoleKind kind) {
  return std::count_if(wishes.begin(), wishes.end(), [&](const auto& roles) {
    return std::find(roles.begin(), roles.end(), kind) != roles.end();
  });
}

}  // namespace

std::vector<RoleKind> ParseRoles(std::string_view text) {
  std::vector<RoleKind> roles;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view word = text.substr(begin, comma - begin);
    begin = comma + 1;
    const auto* const found =
        std::find_if(std::begin(kWords), std::end(kWords),
                     [&](const RoleWord& known) { return word == known.word; });
    if (found == std::end(kWords)) {
      throw ConfigError(fmt::format(
          "--role {}: unknown role '{}'; expected learner, student, shard, actor, or several with "
          "commas between",
          text, word));
    }
    if (std::find(roles.begin(), roles.end(), found->kind) != roles.end()) {
      throw ConfigError(fmt::format("--role {}: '{}' is given twice", text, word));
    }
    roles.push_back(found->kind);
  }
  return roles;
}

RoleWishes ParseWishes(const std::vector<std::string>& texts) {
  RoleWishes wishes;
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    try {
      wishes.push_back(texts[rank].empty() ? std::vector<RoleKind>{} : ParseRoles(texts[rank]));
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("{} (rank {})", error.what(), rank));
    }
  }
  return wishes;
}

bool NoWishes(const RoleWishes& wishes) {
  return std::all_of(wishes.begin(), wishes.end(), [](const auto& roles) { return roles.empty(); });
}

void CheckWishes(const RunConfig& config, const RoleWishes& wishes) {
  std::vector<std::string> errors;
  for (std::size_t rank = 0; rank < wishes.size(); ++rank) {
    if (!wishes[rank].empty()) continue;
    errors.push_back(fmt::format("rank {} has no --role, others have; give every rank one", rank));
  }
  const auto students = static_cast<std::int64_t>(ModelGraph::Of(config).HostGroups().size());
  const std::int64_t hosts = config.actors.hosts;
  const auto ranks = static_cast<std::int64_t>(wishes.size());
  const auto check = [&](RoleKind kind, std::int64_t least, std::int64_t most,
                         const std::string& why) {
    const std::int64_t count = CountOf(wishes, kind);
    if (count < least) {
      errors.push_back(fmt::format("no rank plays {}, which the job needs", WordOf(kind)));
    } else if (count > most) {
      errors.push_back(
          fmt::format("{} ranks play {}, at most {} can: {}", count, WordOf(kind), most, why));
    }
  };
  const std::int64_t learners = config.teacher.learners;
  check(RoleKind::kLearner, learners, learners,
        learners == 1 ? "there is one teacher" : fmt::format("teacher.learners is {}", learners));
  check(RoleKind::kStudentHost, std::min<std::int64_t>(1, students), students,
        students == static_cast<std::int64_t>(config.students.size())
            ? fmt::format("there are {} students", students)
            : fmt::format("there are {} groups of students that label for each other", students));
  check(RoleKind::kShard, 1, config.replay.shards,
        fmt::format("replay.shards is {}", config.replay.shards));
  check(RoleKind::kActorHost, 1, hosts > 0 ? hosts : ranks,
        fmt::format("actors.hosts is {}", hosts));
  if (hosts > 0 && CountOf(wishes, RoleKind::kActorHost) < hosts &&
      CountOf(wishes, RoleKind::kActorHost) > 0) {
    errors.push_back(fmt::format("actors.hosts is {}, but {} ranks play actor", hosts,
                                 CountOf(wishes, RoleKind::kActorHost)));
  }
  if (errors.empty()) return;
  for (auto& error : errors) error = "--role: " + error;
  throw ConfigError(fmt::format("{}; {}", fmt::join(errors, "\n"), Describe(wishes)));
}

}  // namespace stillhouse
