#include "common/net/event_loop.h"

#include <csignal>
#include <optional>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/error.h"

namespace stillhouse {

namespace asio = boost::asio;

namespace {

/// Asio gives a signal back its deadly default as soon as nobody listens, while this process may
/// still have work to end (MPI_Finalize) and a status to return. So one listener stays for ever.
void KeepFromDying(int number) {
  static auto* const context = new asio::io_context;
  static auto* const signals = new asio::signal_set(*context);
  boost::system::error_code ignored;  // the loop's own listener has said what is wrong
  signals->add(number, ignored);
}

}  // namespace

struct EventLoop::State {
  // Hint 1: one thread runs handlers; Post from others stays allowed.
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
  std::optional<asio::signal_set> signals;
  std::function<void(int)> on_signal;

  void WaitForSignal() {
    signals->async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      on_signal(number);
      WaitForSignal();
    });
  }
};

EventLoop::EventLoop() : state_(std::make_unique<State>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::Post(std::function<void()> task) { asio::post(state_->context, std::move(task)); }

void EventLoop::After(std::chrono::nanoseconds delay, std::function<void()> task) {
  auto timer = std::make_shared<asio::steady_timer>(state_->context, delay);
  timer->async_wait([timer, task = std::move(task)](const boost::system::error_code& error) {
    if (!error) task();
  });
}

void EventLoop::OnSignals(std::initializer_list<int> signals, std::function<void(int)> callback) {
  SH_CHECK(!state_->signals, "OnSignals is called once");
  state_->on_signal = std::move(callback);
  state_->signals.emplace(state_->context);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals) {
    boost::system::error_code error;
    state_->signals->add(number, error);
    if (error) throw CommError(fmt::format("signal {}: {}", number, error.message()));
    KeepFromDying(number);
    sigaddset(&set, number);
  }
  state_->WaitForSignal();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

std::size_t EventLoop::RunOnce(std::chrono::nanoseconds max_wait) {
  auto& context = state_->context;
  if (context.stopped()) context.restart();
  std::size_t handlers = 0;
  while (handlers < kMaxHandlers && context.poll_one() > 0) ++handlers;
  if (handlers > 0 || max_wait <= std::chrono::nanoseconds::zero()) return handlers;
  handlers = context.run_one_for(max_wait);
  if (handlers == 0) return 0;
  while (handlers < kMaxHandlers && context.poll_one() > 0) ++handlers;
  return handlers;
}

boost::asio::io_context& EventLoop::Context() { return state_->context; }

}  // namespace stillhouse
