#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace stillhouse {

/// The one event loop of a process: sockets, timers, signals and work posted by other threads.
/// Everything but Post belongs to the thread that calls RunOnce.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs `task` in a later RunOnce. From any thread; wakes a sleeping loop.
  void Post(std::function<void()> task);

  /// Runs `task` once, `delay` from now. A task that must not outlive its object captures a
  /// weak_ptr.
  void After(std::chrono::nanoseconds delay, std::function<void()> task);

  /// Calls `callback` from RunOnce for each arrival of these signals, which it also unblocks in
  /// the calling thread. Once a loop. They never take their default action again: one that comes
  /// when the loop is gone is ignored. Throws CommError.
  void OnSignals(std::initializer_list<int> signals, std::function<void(int)> callback);

  /// Runs what is ready; when nothing is, sleeps until something is, at most `max_wait`. Bounded:
  /// at most kMaxHandlers handlers, so that other work of the caller gets its turn. Returns the
  /// number of handlers run. Exceptions of handlers come out here.
  std::size_t RunOnce(std::chrono::nanoseconds max_wait);
  static constexpr std::size_t kMaxHandlers = 256;

  /// For the other files of common/net alone.
  boost::asio::io_context& Context();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stillhouse
