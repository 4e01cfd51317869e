#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/run_config.h"
#include "common/messages/envelope.h"

namespace stillhouse {

/// What every rank was told to play (`--role`), [rank]; empty for a rank that was told nothing.
/// The coordinator is not chosen: it rides on rank 0.
using RoleWishes = std::vector<std::vector<RoleKind>>;

/// "learner", "shard,actor": names of roles, in any order, none twice. Throws ConfigError.
std::vector<RoleKind> ParseRoles(std::string_view text);

/// The --role of every rank; an empty text is no wish. Throws ConfigError naming the rank.
RoleWishes ParseWishes(const std::vector<std::string>& texts);

/// Nobody was told anything: the roles are laid out from the configuration.
bool NoWishes(const RoleWishes& wishes);

/// Throws ConfigError, a line for each thing that is wrong: a rank without a wish beside ranks with
/// one; a needed role that no rank plays; more ranks than a role has work for.
void CheckWishes(const RunConfig& config, const RoleWishes& wishes);

}  // namespace stillhouse
