#include "tests/fuzz/last_input.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/fuzz/fuzzer.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace stillhouse::fuzz {
namespace {

/// An input is read in microseconds; sanitizers cost a factor of twenty.
constexpr int kMostSeconds = 20;

// What a signal handler can reach: plain memory, filled before the input is read.
struct Blame {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  const char* target = "";
  std::uint64_t number = 0;
  bool reading = false;
};
constinit Blame blame;
char folder[512];
volatile std::sig_atomic_t ticks_of_one = 0;
constinit std::uint64_t ticked_at = 0;

void Say(const char* text) {
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, std::strlen(text));
}

/// Only calls that a signal handler may make.
void KeepLast() {
  if (!blame.reading) return;
  blame.reading = false;
  char file[1024];
  std::snprintf(file, sizeof(file), "%s/%s-killer-%d", folder, blame.target,
                static_cast<int>(getpid()));
  const int descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor >= 0) {
    [[maybe_unused]] const auto written = write(descriptor, blame.data, blame.size);
    close(descriptor);
  }
  Say("\nreplay it with: " STILLHOUSE_BINARY_DIR "/tests/fuzz_test --target=");
  Say(blame.target);
  Say(" --input=");
  Say(file);
  Say("\n");
}

void Killed(int signal) {
  Say("\na signal ended the reading of an input");
  KeepLast();
  _exit(128 + signal);
}

void Tick(int) {
  if (!blame.reading || blame.number != ticked_at) {
    ticked_at = blame.number;
    ticks_of_one = 0;
    return;
  }
  const int ticks = ticks_of_one + 1;
  ticks_of_one = ticks;
  if (ticks < kMostSeconds) return;
  Say("\nan input takes too long to read");
  KeepLast();
  _exit(128 + SIGALRM);
}

void Catch(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

/// The stack may be what has run out. (AddressSanitizer sees to its own.)
[[maybe_unused]] void HandlersGetTheirOwnStack() {
  static char memory[65536];
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = sizeof(memory);
  sigaltstack(&stack, nullptr);
}

}  // namespace

LastInput::LastInput(const std::string& target, std::span<const std::uint8_t> input) {
  blame.data = input.data();
  blame.size = input.size();
  blame.target = target.c_str();
  ++blame.number;
  blame.reading = true;
}
LastInput::~LastInput() { blame.reading = false; }

std::filesystem::path KillerFile(const std::string& target, const std::string& name) {
  const auto where = std::filesystem::path(STILLHOUSE_BINARY_DIR) / "fuzz";
  std::filesystem::create_directories(where);
  return where / (target + "-" + name);
}

void KeepInputsThatKill() {
  std::snprintf(folder, sizeof(folder), "%s", KillerFile("x", "x").parent_path().c_str());
  Catch(SIGABRT, Killed, SA_RESETHAND);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(KeepLast);
#else
  HandlersGetTheirOwnStack();
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    Catch(signal, Killed, SA_ONSTACK | SA_RESETHAND);
  }
#endif
  Catch(SIGALRM, Tick, SA_RESTART);
  const itimerval second{{1, 0}, {1, 0}};
  setitimer(ITIMER_REAL, &second, nullptr);
}

}  // namespace stillhouse::fuzz
