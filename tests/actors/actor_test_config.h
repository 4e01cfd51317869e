#pragma once

#include <string>

#include "common/config/config_print.h"
#include "common/config/run_config.h"

namespace stillhouse::actors {

/// A small job on cart_pole: a teacher of 4-8-2 and one student of 4-4-2.
inline RunConfig SmallConfig() {
  RunConfig config;
  config.env.id = "classic/cart_pole";
  config.actors.workers = 2;
  config.actors.envs_per_worker = 4;
  config.actors.chunk_steps = 8;
  config.replay.capacity = 100000;
  const auto layers = [](std::int64_t units) {
    return std::vector<LayerSpec>{{.kind = LayerKind::kLinear, .units = units},
                                  {.kind = LayerKind::kRelu},
                                  {.kind = LayerKind::kQHead}};
  };
  config.teacher.network = layers(8);
  StudentSettings student;
  student.name = "small";
  student.network = layers(4);
  config.students.push_back(student);
  config.stop.frames = 1000000;
  return config;
}

inline constexpr std::size_t kTeacherParameters = 4 * 8 + 8 + 8 * 2 + 2;
inline constexpr std::size_t kStudentParameters = 4 * 4 + 4 + 4 * 2 + 2;

}  // namespace stillhouse::actors
