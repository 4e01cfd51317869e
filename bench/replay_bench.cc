// The replay layer without a network, on one thread: sum tree against a textbook one, batch
// assembly against a bare gather, memory, inserts, and how true global draws are. `--quick` takes
// fewer repeats and updates.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/base/rng.h"
#include "common/telemetry/process_stats.h"
#include "replay/item_store.h"
#include "replay/sum_tree.h"
#include "tests/replay/global_sampling.h"

namespace stillhouse::replay {
namespace {

using BenchClock = std::chrono::steady_clock;

constexpr std::size_t kItems = 1000000;
constexpr std::size_t kBatch = 32;
constexpr std::uint32_t kChunkItems = 32;
constexpr std::uint32_t kStep = 3;
constexpr std::size_t kPacked = 50;  // breakout: 4 x 10 x 10 bits

double SecondsOf(const std::function<void()>& work) {
  const auto start = BenchClock::now();
  work();
  return std::chrono::duration<double>(BenchClock::now() - start).count();
}

/// Median with its spread.
struct Figure {
  double median = 0;
  double least = 0;
  double most = 0;
};

Figure Summarise(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

void Print(std::string_view name, double value, std::string_view unit, bool higher,
           const std::string& conditions) {
  fmt::print(
      "{{\"name\":\"{}\",\"value\":{:.6g},\"unit\":\"{}\",\"higher_is_better\":{},"
      "\"conditions\":\"{}\"}}\n",
      name, value, unit, higher, conditions);
}

std::string Spread(const Figure& figure, std::size_t repeats) {
  return fmt::format("median of {} repeats, min {:.4g} max {:.4g}", repeats, figure.least,
                     figure.most);
}

/// The sum tree of the textbooks: an array of 2 N doubles, children of i at 2 i and 2 i + 1.
class BinaryTree {
 public:
  explicit BinaryTree(std::size_t capacity) {
    while (leaves_ < capacity) leaves_ *= 2;
    values_.assign(2 * leaves_, 0.0);
  }
  double Total() const { return values_[1]; }
  void Set(std::size_t slot, double priority) {
    std::size_t i = leaves_ + slot;
    values_[i] = priority;
    for (i /= 2; i > 0; i /= 2) values_[i] = values_[2 * i] + values_[2 * i + 1];
  }
  std::size_t Find(double mass) const {
    std::size_t i = 1;
    while (i < leaves_) {
      i *= 2;
      if (mass >= values_[i]) mass -= values_[i++];
    }
    return i - leaves_;
  }

 private:
  std::size_t leaves_ = 1;
  std::vector<double> values_;
};

/// Random numbers drawn beforehand, so that both trees spend their time on trees.
struct Script {
  std::vector<double> uniforms;
  std::vector<double> priorities;
};

Script MakeScript(std::size_t cycles) {
  Rng rng(7);
  Script script;
  for (std::size_t i = 0; i < cycles * kBatch; ++i) {
    script.uniforms.push_back(rng.Uniform());
    script.priorities.push_back(std::pow(rng.Uniform(), 0.6) + 1e-3);
  }
  return script;
}

void StratifiedBatch(const Script& script, std::size_t cycle, double total, double* masses) {
  for (std::size_t k = 0; k < kBatch; ++k) {
    masses[k] = (static_cast<double>(k) + script.uniforms[cycle * kBatch + k]) * total / kBatch;
  }
}

double WideCyclesPerSecond(SumTree& tree, const Script& script) {
  const std::size_t cycles = script.uniforms.size() / kBatch;
  std::vector<double> masses(kBatch);
  std::vector<std::size_t> slots(kBatch);
  return static_cast<double>(cycles) / SecondsOf([&] {
           for (std::size_t c = 0; c < cycles; ++c) {
             StratifiedBatch(script, c, tree.Total(), masses.data());
             tree.FindBatch(masses, slots);
             tree.SetBatch(slots, std::span(script.priorities).subspan(c * kBatch, kBatch));
           }
         });
}

double BinaryCyclesPerSecond(BinaryTree& tree, const Script& script) {
  const std::size_t cycles = script.uniforms.size() / kBatch;
  std::vector<double> masses(kBatch);
  std::vector<std::size_t> slots(kBatch);
  return static_cast<double>(cycles) / SecondsOf([&] {
           for (std::size_t c = 0; c < cycles; ++c) {
             StratifiedBatch(script, c, tree.Total(), masses.data());
             for (std::size_t k = 0; k < kBatch; ++k) slots[k] = tree.Find(masses[k]);
             for (std::size_t k = 0; k < kBatch; ++k) {
               tree.Set(slots[k], script.priorities[c * kBatch + k]);
             }
           }
         });
}

void MeasureTrees(bool quick) {
  Rng rng(3);
  SumTree wide(kItems);
  BinaryTree binary(kItems);
  for (std::size_t i = 0; i < kItems; ++i) {
    const double priority = std::pow(rng.Uniform(), 0.6) + 1e-3;
    wide.Set(i, priority);
    binary.Set(i, priority);
  }
  const Script script = MakeScript(quick ? 20000 : 100000);
  const std::size_t repeats = quick ? 5 : 9;
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < repeats; ++i) {
    ours.push_back(WideCyclesPerSecond(wide, script));
    theirs.push_back(BinaryCyclesPerSecond(binary, script));
    ratios.push_back(ours.back() / theirs.back());
  }
  const Figure figure = Summarise(ours);
  const Figure ratio = Summarise(ratios);
  const std::string what = fmt::format(
      "one thread, cycle = {} stratified draws + {} updates, {} items", kBatch, kBatch, kItems);
  Print("replay.sum_tree_cycles_per_s", figure.median, "cycles/s", true,
        what + ", " + Spread(figure, repeats));
  Print("replay.sum_tree_vs_binary", ratio.median, "ratio", true,
        fmt::format("{}, against a textbook binary tree of doubles in turns in the same run "
                    "({:.4g} cycles/s), {}",
                    what, Summarise(theirs).median, Spread(ratio, repeats)));
}

void MeasureDrift(bool quick) {
  const std::size_t updates = quick ? 2000000 : 100000000;
  Rng rng(5);
  SumTree tree(kItems);
  std::vector<std::size_t> slots(kBatch);
  std::vector<double> values(kBatch);
  for (std::size_t done = 0; done < updates; done += kBatch) {
    for (std::size_t k = 0; k < kBatch; ++k) {
      slots[k] = rng.Below(kItems);
      values[k] = std::ldexp(rng.Uniform() + 1e-3, static_cast<int>(rng.Below(20)));
    }
    tree.SetBatch(slots, values);
  }
  long double sum = 0;
  for (std::size_t i = 0; i < kItems; ++i) sum += tree.Get(i);
  Print("replay.sum_tree_drift", std::abs(static_cast<double>(tree.Total() / sum - 1)), "relative",
        false,
        fmt::format("{} updates over {} items, priorities over six decades, against a sum in "
                    "long double",
                    updates, kItems));
}

EnvironmentSpec BreakoutSpec() {
  EnvironmentSpec spec = CounterSpec();
  spec.observation = {ElementKind::kBits, {4, 10, 10}};
  return spec;
}

/// Encoded chunks with random contents, in order of insertion, from chunk number `first` on.
std::vector<std::vector<std::uint8_t>> MakeChunks(std::size_t count, std::size_t first = 0) {
  const EnvironmentSpec spec = BreakoutSpec();
  Rng rng(13 + first);
  std::vector<std::vector<std::uint8_t>> chunks;
  for (std::size_t c = first; c < first + count; ++c) {
    ExperienceChunk chunk = MakeChunk(1, c + 1, c * kChunkItems, kChunkItems, kStep);
    chunk.observations.resize((chunk.actions.size() + 1) * kPacked);
    for (auto& byte : chunk.observations) byte = static_cast<std::uint8_t>(rng());
    for (auto& flags : chunk.flags) flags = rng.Below(50) == 0 ? kTerminated : 0;
    for (auto& error : chunk.td_errors) error = static_cast<float>(rng.Uniform());
    chunks.push_back(chunk.Encode(spec));
  }
  return chunks;
}

ItemStoreSettings StoreSettings(std::size_t capacity = kItems) {
  ItemStoreSettings settings;
  settings.capacity = capacity;
  settings.n_step = kStep;
  return settings;
}

double InsertSeconds(ItemStore& store, const std::vector<std::vector<std::uint8_t>>& chunks) {
  const EnvironmentSpec spec = BreakoutSpec();
  return SecondsOf([&] {
    for (const auto& chunk : chunks) store.Insert(ChunkView(chunk, spec, kStep));
  });
}

void MeasureInsert(bool quick) {
  const auto chunks = MakeChunks(kItems / kChunkItems / (quick ? 4 : 1));
  ItemStore store(StoreSettings());
  const std::size_t repeats = quick ? 5 : 7;
  std::vector<double> rates;
  for (std::size_t i = 0; i < repeats + 2; ++i) {
    const double seconds = InsertSeconds(store, chunks);
    if (i >= 2) rates.push_back(static_cast<double>(chunks.size() * kChunkItems) / seconds);
  }
  const Figure figure = Summarise(rates);
  Print("replay.store_insert_per_s", figure.median, "transitions/s", true,
        fmt::format("one thread, no network: validate, copy, evict, {} steps of {} bytes a chunk, "
                    "{}",
                    kChunkItems, kPacked, Spread(figure, repeats)));
}

void ClearRows(SampleReply& reply) {
  reply.handles.clear();
  reply.actions.clear();
  reply.rewards.clear();
  reply.discounts.clear();
  reply.observations.clear();
  reply.next_observations.clear();
}

/// What a gather can at best do: every array flat, no chunks, returns summed beforehand.
struct FlatRows {
  struct Scalars {
    std::uint64_t handle = 0;
    std::int32_t action = 0;
    float reward = 0;
    float discount = 0;
  };
  std::vector<std::uint8_t> observations = std::vector<std::uint8_t>((kItems + kStep) * kPacked, 1);
  std::vector<Scalars> scalars = std::vector<Scalars>(kItems);

  void Gather(std::span<const std::size_t> rows, SampleReply& reply) const {
    for (const std::size_t row : rows) {
      const std::uint8_t* now = observations.data() + row * kPacked;
      const Scalars& of_row = scalars[row];
      reply.observations.insert(reply.observations.end(), now, now + kPacked);
      const std::uint8_t* next = now + kStep * kPacked;
      reply.next_observations.insert(reply.next_observations.end(), next, next + kPacked);
      reply.handles.push_back(of_row.handle);
      reply.actions.push_back(of_row.action);
      reply.rewards.push_back(of_row.reward);
      reply.discounts.push_back(of_row.discount);
    }
  }
};

void MeasureGather(bool quick) {
  ItemStore store(StoreSettings());
  InsertSeconds(store, MakeChunks(kItems / kChunkItems));
  const FlatRows flat;
  const std::size_t batches = quick ? 20000 : 100000;
  Rng rng(17);
  std::vector<std::size_t> slots(batches * kBatch);
  for (auto& slot : slots) slot = rng.Below(store.Size());
  SampleReply reply;
  const auto run = [&](auto&& gather) {
    return static_cast<double>(batches) / SecondsOf([&] {
             for (std::size_t b = 0; b < batches; ++b) {
               ClearRows(reply);
               gather(std::span(slots).subspan(b * kBatch, kBatch));
             }
           });
  };
  const std::size_t repeats = quick ? 5 : 9;
  std::vector<double> ours;
  std::vector<double> bare;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < repeats; ++i) {
    ours.push_back(run([&](auto rows) { store.Collect(rows, reply); }));
    bare.push_back(run([&](auto rows) { flat.Gather(rows, reply); }));
    ratios.push_back(ours.back() / bare.back());
  }
  const Figure ratio = Summarise(ratios);
  Print("replay.sample_vs_gather", ratio.median, "ratio", true,
        fmt::format("one thread, batches of {} rows of 2 x {} bytes from {} items, n-step returns "
                    "summed on the way, {:.4g} batches/s; the bare gather from flat arrays "
                    "{:.4g}; {}",
                    kBatch, kPacked, kItems, Summarise(ours).median, Summarise(bare).median,
                    Spread(ratio, repeats)));
}

/// What a full store of `items` says that it holds, and by how much the process has grown.
void MeasureMemory(std::size_t items, const std::string& suffix) {
  constexpr std::size_t kAtOnce = 1000;  // chunks: the bench's own memory stays small
  const std::uint64_t before = ProcessRssBytes();
  ItemStore store(StoreSettings(items));
  for (std::size_t first = 0; first * kChunkItems < items; first += kAtOnce) {
    InsertSeconds(store, MakeChunks(kAtOnce, first));
  }
  const std::uint64_t after = ProcessRssBytes();
  const auto held = static_cast<double>(store.Size());
  Print("replay.bytes_per_transition.minatar/breakout" + suffix,
        static_cast<double>(store.MemoryBytes()) / held, "B", false,
        fmt::format("{} items, {} items a chunk, n = {}: chunks in whole slabs, sum tree, tables; "
                    "the process grew by {:.1f} B an item",
                    store.Size(), kChunkItems, kStep,
                    static_cast<double>(after - std::min(before, after)) / held));
}

void MeasureGlobalSampling(bool quick) {
  const std::uint64_t draws = quick ? 200000 : 500000;
  double worst_p = 1;
  double worst_decile = 0;
  for (std::uint32_t shards = 1; shards <= 16; shards = shards < 4 ? shards + 1 : shards * 2) {
    ReplaySettings settings;
    settings.draw = DrawKind::kMultinomial;
    GlobalStore store(shards, 1000, settings);
    std::vector<std::uint64_t> all(store.Probabilities().size(), 0);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      Rng rng(seed, shards);
      const auto counts = store.Count(draws, rng);
      const double p = testing::ChiSquaredP(counts, store.Probabilities());
      worst_p = std::min({worst_p, p, 1 - p});
      for (std::size_t i = 0; i < all.size(); ++i) all[i] += counts[i];
    }
    worst_decile = std::max(worst_decile, store.WorstDecile(all));
  }
  const std::string what = fmt::format(
      "1-16 shards of uneven size, 1000 items skewed 100 : 1, quiescent, 20 seeds of {} "
      "multinomial draws each",
      draws);
  Print("replay.global_sampling", worst_p, "p", true,
        what + "; the p of Pearson's test nearest to 0 or 1, as its distance from there");
  Print("replay.global_sampling.worst_decile", 100 * worst_decile, "%", false,
        what + "; worst tenth of the priority mass over the pooled draws, relative");
}

}  // namespace
}  // namespace stillhouse::replay

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  // First, while the process has freed nothing that it could use again.
  stillhouse::replay::MeasureMemory(stillhouse::replay::kItems, "");
  stillhouse::replay::MeasureMemory(10 * stillhouse::replay::kItems, ".10M");
  stillhouse::replay::MeasureTrees(quick);
  stillhouse::replay::MeasureGather(quick);
  stillhouse::replay::MeasureInsert(quick);
  stillhouse::replay::MeasureGlobalSampling(quick);
  stillhouse::replay::MeasureDrift(quick);
  return 0;
}
