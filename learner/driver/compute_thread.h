#pragma once

#include <functional>
#include <thread>
#include <utility>

#include "common/base/bounded_queue.h"

namespace stillhouse::learner {

/// The one thread on which a role's compute runs, so that a 10 ms update never delays messages.
/// Jobs are done in order; each outcome is handed to `deliver`, on the compute thread (it posts
/// to the event loop).
template <typename Job, typename Outcome>
class ComputeThread {
 public:
  ComputeThread(std::function<Outcome(Job)> perform, std::function<void(Outcome)> deliver)
      : jobs_(kQueueCapacity),
        thread_([this, perform = std::move(perform), deliver = std::move(deliver)] {
          while (auto job = jobs_.Pop()) deliver(perform(std::move(*job)));
        }) {}

  /// Finishes the job in hand and drops none: what was submitted is done before it returns.
  ~ComputeThread() {
    jobs_.Close();
    thread_.join();
  }
  ComputeThread(const ComputeThread&) = delete;
  ComputeThread& operator=(const ComputeThread&) = delete;

  void Submit(Job job) { jobs_.Push(std::move(job)); }

 private:
  /// Roles keep two updates under way and a few publications; the bound only catches bugs.
  static constexpr std::size_t kQueueCapacity = 1024;
  BoundedQueue<Job> jobs_;
  std::thread thread_;
};

}  // namespace stillhouse::learner
