// The durable log of a shard with 1 M items of breakout: what a checkpoint costs inserts and
// samples, and recovery against merely reading the same files. `--quick`: fewer repeats.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "bench/loopback_shard.h"
#include "common/base/crc32c.h"
#include "common/messages/checkpoint.h"
#include "replay/driver/threaded_device.h"
#include "replay/log/posix_storage.h"
#include "replay/log/store_recovery.h"
#include "tests/replay/chunk_maker.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;
using bench::Print;
using BenchClock = std::chrono::steady_clock;

constexpr std::size_t kItems = 1000000;
constexpr std::uint32_t kChunkItems = 32;
constexpr std::size_t kPacked = 50;  // 4 x 10 x 10 bits

double Since(BenchClock::time_point start) {
  return std::chrono::duration<double>(BenchClock::now() - start).count();
}

/// Chunks of random observations; the sequence is written into one when it is sent.
std::vector<replay::ExperienceChunk> MakeChunks(std::size_t count) {
  Rng rng(13);
  std::vector<replay::ExperienceChunk> chunks;
  for (std::size_t c = 0; c < count; ++c) {
    auto chunk = replay::MakeChunk(7, 1, 0, kChunkItems);
    chunk.observations.resize((chunk.actions.size() + 1) * kPacked);
    for (auto& byte : chunk.observations) byte = static_cast<std::uint8_t>(rng());
    for (auto& error : chunk.td_errors) error = static_cast<float>(rng.Uniform());
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

/// A shard with its log on a disk, driven by hand: no network, so that nothing hides what a
/// checkpoint costs.
class LoggedShard final : public replay::WorkerOutbox, public Outbox {
 public:
  explicit LoggedShard(const fs::path& folder)
      : storage_(folder),
        device_(storage_, false, [] {}),
        shard_(Settings(), *this, {&storage_, &device_}),
        chunks_(MakeChunks(256)) {
    Tell(InsertGrant{~std::uint64_t{0}});
    shard_.OnConnect(ConnectionId(1), Time{});
    Hello hello;
    hello.token = bench::kToken;
    hello.incarnation = 7;
    hello.environment = Settings().environment;
    ByteWriter body;
    hello.Encode(body);
    shard_.OnFrame(ConnectionId(1), FrameKind::kHello, body.Take(), Time{}, *this);
    for (std::size_t i = 0; i < kItems / kChunkItems; ++i) Insert();
    while (acknowledged < sent_) Tick();
  }

  void Insert() {
    // What a worker may have on its way at most.
    while (sent_ - acknowledged >= 256) Tick();
    auto& chunk = chunks_[sent_ % chunks_.size()];
    chunk.sequence = ++sent_;
    chunk.first_item = sent_ * kChunkItems;
    shard_.OnFrame(ConnectionId(1), FrameKind::kChunk, chunk.Encode(Settings().environment), Time{},
                   *this);
  }
  void Tick() { shard_.Tick(clock_.Now(), *this); }
  /// Seconds from asking for 32 rows until they are there, a turn of the shard's loop included.
  double Sample() {
    SampleRequest request;
    request.assumed_mass = shard_.Store().Totals().mass;
    for (int i = 0; i < 32; ++i) request.offsets.push_back(rng_.Uniform() * request.assumed_mass);
    const auto start = BenchClock::now();
    Tick();
    Tell(request);
    return Since(start);
  }
  void BeginCheckpoint() {
    parts = 0;
    Tell(CheckpointRequest{1});
  }

  std::uint64_t acknowledged = 0;
  int parts = 0;  ///< checkpoints answered

 private:
  static replay::ShardSettings Settings() {
    replay::ShardSettings settings;
    settings.config = bench::BreakoutConfig();
    settings.config.replay.capacity = kItems;
    settings.config.replay.durability = Durability::kAsync;
    settings.environment = replay::CounterSpec();
    settings.environment.observation = {ElementKind::kBits, {4, 10, 10}};
    settings.token = bench::kToken;
    return settings;
  }
  template <typename Body>
  void Tell(const Body& body) {
    ByteWriter writer;
    body.Encode(writer);
    shard_.Handle({kCoordinatorAddress, shard_.Address(), Body::kKind, writer.Take()}, clock_.Now(),
                  *this);
  }
  void Send(Envelope envelope) override { parts += envelope.kind == MessageKind::kShardPart; }
  void Send(ConnectionId, FrameKind kind, std::vector<std::uint8_t> body) override {
    if (kind != FrameKind::kAck) return;
    ByteReader reader(body, "ack");
    acknowledged = Ack::Decode(reader).sequence;
  }
  void Close(ConnectionId, std::string_view reason) override {
    fmt::print(stderr, "closed: {}\n", reason);
  }
  void SetReading(ConnectionId, bool) override {}

  SteadyClock clock_;
  replay::PosixStorage storage_;
  replay::ThreadedDevice device_;
  replay::Shard shard_;
  std::vector<replay::ExperienceChunk> chunks_;
  std::uint64_t sent_ = 0;
  Rng rng_{5};
};

struct Window {
  double p99_s = 0;
  double inserts_per_s = 0;
  double seconds = 0;
};

/// Four chunks (128 transitions) to a batch of 32, until `over`.
template <typename Over>
Window Run(LoggedShard& shard, Over over) {
  std::vector<double> latencies;
  const auto before = shard.acknowledged;
  const auto start = BenchClock::now();
  while (!over(Since(start))) {
    for (int i = 0; i < 4; ++i) shard.Insert();
    latencies.push_back(shard.Sample());
  }
  Window window;
  window.seconds = Since(start);
  std::sort(latencies.begin(), latencies.end());
  window.p99_s = latencies[latencies.size() * 99 / 100];
  window.inserts_per_s =
      static_cast<double>((shard.acknowledged - before) * kChunkItems) / window.seconds;
  return window;
}

void MeasureCheckpoints(const fs::path& folder, int repeats) {
  LoggedShard shard(folder);
  std::vector<double> latency;
  std::vector<double> inserts;
  std::vector<double> seconds;
  std::vector<double> rates;
  for (int i = 0; i < repeats; ++i) {
    const Window quiet = Run(shard, [](double s) { return s > 0.3; });
    shard.BeginCheckpoint();
    const Window busy = Run(shard, [&](double) { return shard.parts > 0; });
    latency.push_back(busy.p99_s / quiet.p99_s);
    inserts.push_back(busy.inserts_per_s / quiet.inserts_per_s);
    seconds.push_back(busy.seconds * 1000);
    rates.push_back(quiet.inserts_per_s);
  }
  const std::string conditions = fmt::format(
      "one shard with 1 M breakout items, no network, 128 inserts to a batch of 32, its log on the "
      "disk of this machine; a checkpoint takes {:.0f} ms; quiet {:.3g} transitions/s",
      bench::Median(seconds), bench::Median(rates));
  Print("replay.checkpoint_p99_ratio", latency, "ratio", false, conditions);
  Print("replay.insert_fraction", inserts, "ratio", true, conditions);
}

/// Items recovered.
std::uint64_t Recover(const fs::path& folder) {
  replay::ItemStoreSettings settings;
  settings.capacity = kItems;
  settings.n_step = 3;
  replay::ItemStore store(settings);
  replay::RecoverySettings recovery;
  recovery.n_step = 3;
  recovery.environment = replay::CounterSpec();
  recovery.environment.observation = {ElementKind::kBits, {4, 10, 10}};
  replay::PosixStorage storage(folder);
  return replay::RecoverStore(storage, recovery, settings.alpha, std::nullopt, 0, store).items;
}

void MeasureRecovery(const fs::path& folder, int repeats) {
  // As on a machine that has just come up: the files are on the disk alone.
  const auto forget = [&] {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
      ::fdatasync(file);
      ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
      ::close(file);
    }
  };
  const auto read_all = [&] {
    const replay::PosixStorage storage(folder, replay::PosixStorage::Mode::kReadOnly);
    std::uint32_t crc = 0;
    for (const auto& name : storage.List()) {
      if (replay::SegmentNumber(name)) crc ^= Crc32c(storage.Read(name));
    }
    return crc;
  };
  std::uint32_t sum = read_all();
  for (const bool cold : {true, false}) {
    std::vector<double> ratios;
    std::vector<double> seconds;
    for (int i = 0; i < repeats; ++i) {
      if (cold) forget();
      auto start = BenchClock::now();
      sum ^= read_all();
      const double reading = Since(start);
      if (cold) forget();
      start = BenchClock::now();
      const std::uint64_t items = Recover(folder);
      seconds.push_back(Since(start) * 1e6 / static_cast<double>(items));
      ratios.push_back(Since(start) / reading);
    }
    const std::string suffix = cold ? "" : ".warm";
    const std::string conditions = fmt::format(
        "1 M breakout items and what the oldest segments hold beyond them, uncompressed, files {}, "
        "one thread ({:08x})",
        cold ? "on the disk alone" : "in the page cache", sum);
    Print("replay.restore_vs_read" + suffix, ratios, "ratio", false,
          conditions + "; against one pass of reading and checksumming");
    Print("replay.restore_s_per_million" + suffix, seconds, "s", false, conditions);
  }
}

}  // namespace
}  // namespace stillhouse

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  // Beside the programs: a temporary directory may be memory.
  const std::filesystem::path folder =
      std::filesystem::path(STILLHOUSE_BINARY_DIR) / fmt::format("log-bench-{}", ::getpid());
  stillhouse::MeasureCheckpoints(folder, quick ? 3 : 9);
  stillhouse::MeasureRecovery(folder, quick ? 3 : 9);
  std::filesystem::remove_all(folder);
  return 0;
}
