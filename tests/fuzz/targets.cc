#include <iterator>
#include <utility>

#include "tests/fuzz/fuzz_target.h"

namespace stillhouse::fuzz {

std::vector<FuzzTarget> AllTargets() {
  std::vector<FuzzTarget> all;
  for (auto group : {MessageTargets, StoreTargets, LogTargets, ModelTargets, CheckpointTargets,
                     ConfigTargets, AddressTargets, DataTargets, ShardTargets}) {
    auto targets = group();
    all.insert(all.end(), std::make_move_iterator(targets.begin()),
               std::make_move_iterator(targets.end()));
  }
  return all;
}

}  // namespace stillhouse::fuzz
