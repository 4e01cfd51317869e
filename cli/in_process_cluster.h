#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "actors/actor.h"
#include "cli/job.h"
#include "learner/protocol/compute.h"
#include "learner/protocol/compute_port.h"
#include "replay/log/direct_device.h"
#include "replay/log/posix_storage.h"

namespace stillhouse::cli {

/// Compute that does one job when it is asked to; what a compute thread does, without the thread.
template <typename Port, typename Job, typename Outcome>
class InlinePort final : public Port {
 public:
  explicit InlinePort(std::function<Outcome(Job)> perform) : perform_(std::move(perform)) {}
  void Submit(Job job) override { jobs_.push_back(std::move(job)); }
  /// Does the oldest job; nullopt when there is none.
  std::optional<Outcome> DoNext() {
    if (jobs_.empty()) return std::nullopt;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    return perform_(std::move(job));
  }

 private:
  std::function<Outcome(Job)> perform_;
  std::deque<Job> jobs_;
};

/// A whole job in one thread: production roles, actors and codecs, messages in first-in-first-out
/// order, virtual time. What happens depends on nothing but the job.
class InProcessCluster final : public Outbox,
                               public replay::WorkerOutbox,
                               public actors::ShardLinks {
 public:
  InProcessCluster(const Job& job, learner::ComputeFactory& compute, RunRecorder& recorder);
  ~InProcessCluster() override;

  /// Runs to the end, or to the next seam. `go_on` is asked at every turn of the loop, e.g. to look
  /// for signals; nullopt when it said no.
  std::optional<Coordinator::Outcome> Run(const std::function<bool(Coordinator&)>& go_on);
  const Scoreboard& Scores() const { return coordinator_.Scores(); }
  Time Now() const { return now_; }

 private:
  using TeacherInline =
      InlinePort<learner::TeacherPort, learner::TeacherJob, learner::TeacherOutcome>;
  using StudentInline =
      InlinePort<learner::StudentPort, learner::StudentJob, learner::StudentOutcome>;
  struct StudentHost {
    std::unique_ptr<learner::StudentCompute> compute;
    std::unique_ptr<StudentInline> port;
    std::unique_ptr<learner::StudentRole> role;
  };
  struct Frame {
    std::uint64_t connection = 0;
    FrameKind kind{};
    std::vector<std::uint8_t> body;
  };

  void Send(Envelope envelope) override { messages_.push_back(std::move(envelope)); }
  void Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) override;
  void Close(ConnectionId connection, std::string_view reason) override;
  void SetReading(ConnectionId connection, bool reading) override;
  void Send(std::uint32_t slot, FrameKind kind, std::vector<std::uint8_t> body) override;

  void MakeShard(std::uint16_t shard);
  void MakeStudentHost(std::uint16_t host, learner::ComputeFactory& compute);
  void ConnectWorkers();
  bool DeliverMessages();
  bool DeliverFrames();
  bool DoCompute();
  bool AdvanceWorkers();
  void TickRoles();

  const Job& job_;
  Time now_{};
  std::deque<Envelope> messages_;
  std::deque<Frame> to_shards_;
  std::deque<Frame> to_workers_;
  std::size_t acting_ = 0;  ///< the worker whose actor is being called
  Coordinator coordinator_;
  std::unique_ptr<learner::TeacherCompute> teacher_;
  TeacherInline teacher_port_;
  learner::LearnerRole learner_;
  std::vector<StudentHost> students_;
  struct Disk {
    explicit Disk(const std::filesystem::path& folder, bool sync)
        : storage(folder), device(storage, sync) {}
    replay::PosixStorage storage;
    replay::DirectDevice device;
  };
  std::vector<std::unique_ptr<Disk>> disks_;  ///< of the shards, when the store is kept
  std::vector<std::unique_ptr<replay::Shard>> shards_;
  std::vector<std::unique_ptr<actors::Actor>> workers_;
  std::map<RoleAddress, Role*> roles_;
};

}  // namespace stillhouse::cli
