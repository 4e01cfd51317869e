#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/disagreements.h"
#include "cli/tree_student.h"

namespace stillhouse::cli {

// What `stillhouse eval` says of why models differ; docs/evaluation.md has the fields.

nlohmann::ordered_json DisagreementsJson(const Disagreements& found,
                                         const std::vector<std::string>& action_names);
nlohmann::ordered_json TreeJson(const TreeStudent& tree);

/// For people.
void PrintDisagreements(const Disagreements& found, const std::vector<std::string>& action_names,
                        std::ostream& out);
void PrintTree(const TreeStudent& tree, const std::string& of_model, std::ostream& out);

}  // namespace stillhouse::cli
