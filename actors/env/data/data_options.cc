#include "actors/env/data/data_options.h"

#include <fmt/format.h>

namespace stillhouse::actors {
namespace {

using Infos = std::vector<EnvironmentOptionInfo>;

EnvironmentOptionInfo Resize() {
  return {"resize", fmt::format("{}", DataSettings{}.resize),
          "rows = columns of the observation; 0: as the images are"};
}

EnvironmentOptionInfo HeldOut() {
  return {"held_out", fmt::format("{}", DataSettings{}.held_out),
          "share of the examples kept for evaluation, without a test file"};
}

void AddClasses(Infos& infos) {
  infos.push_back({"omit", "-1", "class that nobody is trained with; -1: none"});
  infos.push_back({"only", "-1", "class that alone is evaluated; -1: all"});
}

/// `train` and `test` of one file each.
Infos TwoFiles() {
  return {{"train", "\"\"", "file of the examples to learn from"},
          {"test", "\"\"", "file of the examples to evaluate with; empty: see held_out"},
          HeldOut()};
}

}  // namespace

Infos DigitsOptions() {
  Infos infos = {Resize()};
  AddClasses(infos);
  return infos;
}

Infos IdxOptions() {
  Infos infos = {{"train_images", "\"\"", "IDX file of the images to learn from"},
                 {"train_labels", "\"\"", "IDX file of their labels"},
                 {"test_images", "\"\"", "IDX file of the images to evaluate with"},
                 {"test_labels", "\"\"", "IDX file of their labels"},
                 HeldOut(),
                 {"scale", fmt::format("{}", DataSettings{}.scale), "pixel value that becomes 1"},
                 Resize()};
  AddClasses(infos);
  return infos;
}

Infos TextOptions() {
  Infos infos = TwoFiles();
  infos.push_back({"vocabulary", fmt::format("{}", DataSettings{}.vocabulary),
                   "tokens that are told apart, padding and unknown among them"});
  infos.push_back({"length", fmt::format("{}", DataSettings{}.length), "tokens of an observation"});
  AddClasses(infos);
  return infos;
}

Infos CsvOptions() {
  Infos infos = TwoFiles();
  infos.push_back({"label", DataSettings{}.label, "the column that is to be told"});
  AddClasses(infos);
  return infos;
}

}  // namespace stillhouse::actors
