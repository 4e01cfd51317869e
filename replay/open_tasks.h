#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/messages/evaluation.h"

namespace stillhouse::replay {

/// Evaluation tasks that have gone out to workers and are not answered. A task is lost with the
/// connection it travelled on, and a worker may be back before anybody has missed it: what is open
/// is sent again over every new connection of its worker.
class OpenTasks {
 public:
  /// `body`: the encoded EvaluationTask.
  void Add(const EvaluationTask& task, std::vector<std::uint8_t> body) {
    tasks_[task.task] = {task.worker, task.round, std::move(body)};
  }
  void Answered(std::uint64_t task) { tasks_.erase(task); }
  /// The round is over, and with it everything older: rounds come one after the other.
  void Release(std::uint32_t round) {
    std::erase_if(tasks_, [round](const auto& entry) { return entry.second.round <= round; });
  }
  /// Calls send(body) for every open task of this worker, oldest first.
  template <typename Send>
  void ForEachOf(std::uint64_t worker, Send&& send) const {
    for (const auto& [number, task] : tasks_) {
      if (task.worker == worker) send(task.body);
    }
  }
  std::size_t Size() const { return tasks_.size(); }

 private:
  struct Task {
    std::uint64_t worker = 0;
    std::uint32_t round = 0;
    std::vector<std::uint8_t> body;
  };
  std::map<std::uint64_t, Task> tasks_;  ///< by their numbers
};

}  // namespace stillhouse::replay
