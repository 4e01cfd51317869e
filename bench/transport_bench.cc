// Sampled batches between two processes, as the job moves them, against raw MPI streaming of
// messages of the same size in the same run. `mpirun -n 2 transport_bench [--quick]`; rank 0
// learns, rank 1 is a shard. Prints JSON lines {name, value, unit, higher_is_better, conditions}.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/base/memory.h"
#include "common/base/rng.h"
#include "common/comm/communicator.h"
#include "common/comm/mpi_session.h"
#include "common/comm/request.h"  // the raw side speaks MPI itself
#include "common/messages/envelope.h"
#include "replay/item_store.h"
#include "replay/sampler.h"
#include "tests/replay/chunk_maker.h"

namespace stillhouse::bench {
namespace {

constexpr int kLearner = 0;
constexpr int kShard = 1;
constexpr std::uint32_t kBatch = 32;
constexpr std::uint32_t kChunkItems = 32;
constexpr std::uint32_t kStep = 3;
constexpr std::size_t kPrefetch = 16;  ///< batches asked for ahead, as teacher.prefetch
constexpr RoleAddress kLearnerRole{RoleKind::kLearner, 0};
constexpr RoleAddress kShardRole{RoleKind::kShard, 0};

struct Case {
  std::string name;
  TensorSpec observation;
  std::size_t items;    ///< in the store
  std::size_t batches;  ///< a repeat
};

double SecondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

replay::ItemStore FillStore(const Case& what) {
  EnvironmentSpec spec = replay::CounterSpec();
  spec.observation = what.observation;
  replay::ItemStoreSettings settings;
  settings.capacity = what.items;
  settings.n_step = kStep;
  replay::ItemStore store(settings);
  const auto packed = static_cast<std::size_t>(what.observation.PackedBytes());
  Rng rng(13);
  for (std::size_t first = 0; first < what.items; first += kChunkItems) {
    auto chunk = replay::MakeChunk(1, first / kChunkItems + 1, first, kChunkItems, kStep);
    chunk.observations.resize((chunk.actions.size() + 1) * packed);
    for (auto& byte : chunk.observations) byte = static_cast<std::uint8_t>(rng());
    for (auto& error : chunk.td_errors) error = static_cast<float>(rng.Uniform());
    const auto bytes = chunk.Encode(spec);
    store.Insert(replay::ChunkView(bytes, spec, kStep));
  }
  return store;
}

replay::Sampler MakeSampler(const replay::ItemStore& store) {
  replay::Sampler sampler(1, ReplaySettings{});
  sampler.Learn(0, store.Totals());
  return sampler;
}

template <typename Body>
void Send(comm::Communicator& comm, int rank, RoleAddress from, RoleAddress to, const Body& body) {
  ByteWriter writer(body.SizeHint() + kTrailerBytes);
  body.Encode(writer);
  comm.Send(rank, PackEnvelope({from, to, Body::kKind, writer.Take()}));
}

/// Rank 0: draws, joins what comes back, keeps kPrefetch draws under way.
void Learn(comm::Communicator& comm, replay::Sampler& sampler, std::size_t batches) {
  Rng rng(1);
  std::size_t asked = 0;
  for (std::size_t done = 0; done < batches;) {
    for (; asked < batches && sampler.Pending() < kPrefetch; ++asked) {
      Send(comm, kShard, kLearnerRole, kShardRole, sampler.Draw(kBatch, rng).front());
    }
    for (auto& received : comm.Poll()) {
      const auto envelope = UnpackEnvelope(std::move(received.bytes));
      const auto batch = sampler.Accept(0, DecodeBody<SampleReply>(envelope));
      SH_CHECK(batch && batch->Size() == kBatch, "a batch is short");
      ++done;
    }
  }
}

/// Rank 1: answers so many requests.
void Serve(comm::Communicator& comm, const replay::ItemStore& store, std::size_t requests) {
  for (std::size_t served = 0; served < requests;) {
    for (auto& received : comm.Poll()) {
      const auto envelope = UnpackEnvelope(std::move(received.bytes));
      Send(comm, kLearner, kShardRole, kLearnerRole,
           store.Sample(DecodeBody<SampleRequest>(envelope)));
      ++served;
    }
  }
  while (comm.PendingSends() > 0) comm.Poll();
}

/// Messages of `bytes` from rank 1 to rank 0, kPrefetch under way, from and into the same buffers:
/// what MPI can at best do here.
void Stream(int rank, std::size_t bytes, std::size_t messages) {
  std::vector<std::vector<std::uint8_t>> buffers(kPrefetch, std::vector<std::uint8_t>(bytes, 1));
  std::vector<MPI_Request> requests(kPrefetch, MPI_REQUEST_NULL);
  for (std::size_t i = 0; i < messages; ++i) {
    const std::size_t slot = i % kPrefetch;
    MPI_Wait(&requests[slot], MPI_STATUS_IGNORE);
    if (rank == kShard) {
      MPI_Isend(buffers[slot].data(), static_cast<int>(bytes), MPI_BYTE, kLearner, 1,
                MPI_COMM_WORLD, &requests[slot]);
    } else {
      MPI_Irecv(buffers[slot].data(), static_cast<int>(bytes), MPI_BYTE, kShard, 1, MPI_COMM_WORLD,
                &requests[slot]);
    }
  }
  MPI_Waitall(kPrefetch, requests.data(), MPI_STATUSES_IGNORE);
}

/// Both halves of the sampling in this process, no messages.
void SampleAlone(const replay::ItemStore& store, replay::Sampler& sampler, std::size_t batches) {
  Rng rng(1);
  for (std::size_t i = 0; i < batches; ++i) {
    const auto batch = sampler.Accept(0, store.Sample(sampler.Draw(kBatch, rng).front()));
    SH_CHECK(batch && batch->Size() == kBatch, "a batch is short");
  }
}

std::size_t ReplyBytes(const replay::ItemStore& store, replay::Sampler& sampler) {
  Rng rng(1);
  const auto reply = store.Sample(sampler.Draw(kBatch, rng).front());
  sampler.Accept(0, reply);
  ByteWriter writer;
  reply.Encode(writer);
  return writer.Take().size() + kTrailerBytes;
}

struct Rates {
  std::vector<double> system, raw, sampler;  ///< batches a second, by repeat
};

Rates Measure(const Case& what, int rank, comm::Communicator& comm, std::size_t message_bytes,
              const replay::ItemStore& store, int repeats) {
  replay::Sampler sampler = MakeSampler(store);
  Rates rates;
  const auto rate = [&](const std::function<void()>& work) {
    MPI_Barrier(MPI_COMM_WORLD);
    return static_cast<double>(what.batches) / SecondsOf(work);
  };
  for (int repeat = -1; repeat < repeats; ++repeat) {  // the first warms up
    const double system = rate([&] {
      rank == kLearner ? Learn(comm, sampler, what.batches) : Serve(comm, store, what.batches);
    });
    const double raw = rate([&] { Stream(rank, message_bytes, what.batches); });
    const double alone = rate([&] {
      if (rank == kLearner) SampleAlone(store, sampler, what.batches);
    });
    if (repeat < 0) continue;
    rates.system.push_back(system);
    rates.raw.push_back(raw);
    rates.sampler.push_back(alone);
  }
  return rates;
}

void Print(const std::string& name, const Case& what, const Rates& rates, std::size_t bytes,
           bool against_slower) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < rates.system.size(); ++i) {
    const double bound = against_slower ? std::min(rates.raw[i], rates.sampler[i]) : rates.raw[i];
    ratios.push_back(rates.system[i] / bound);
  }
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  const double gigabytes = static_cast<double>(bytes) / 1e9;
  fmt::print(
      R"({{"name":"{}","value":{:.4g},"unit":"ratio","higher_is_better":true,"conditions":"{}: )"
      R"(batches of {} rows, {} bytes a message, two ranks on one host, {} under way; sampled over )"
      R"(MPI {:.4g} batches/s = {:.3g} GB/s; raw MPI_Isend/Irecv {:.4g}/s = {:.3g} GB/s; sampler )"
      R"(alone in one process {:.4g}/s = {:.3g} GB/s; against {}; {} interleaved repeats, ratios )"
      R"({:.3g} to {:.3g}"}})"
      "\n",
      name, Median(ratios), what.name, kBatch, bytes, kPrefetch, Median(rates.system),
      Median(rates.system) * gigabytes, Median(rates.raw), Median(rates.raw) * gigabytes,
      Median(rates.sampler), Median(rates.sampler) * gigabytes,
      against_slower ? "the slower of sampler and raw" : "raw", ratios.size(), *least, *most);
  std::fflush(stdout);
}

void Run(const comm::MpiSession& session, bool quick) {
  comm::Communicator comm;
  const std::vector<Case> cases = {
      {"84x84x4 byte observations, 4096 items",
       {ElementKind::kBytes, {4, 84, 84}},
       4096,
       quick ? 60U : 300U},
      {"breakout, 400 000 items",
       {ElementKind::kBits, {4, 10, 10}},
       400000,
       quick ? 5000U : 40000U},
  };
  for (const Case& what : cases) {
    const auto store = FillStore(what);
    replay::Sampler sampler = MakeSampler(store);
    const std::size_t bytes = ReplyBytes(store, sampler);
    const auto rates = Measure(what, session.Rank(), comm, bytes, store, quick ? 5 : 9);
    if (session.Rank() != kLearner) continue;
    const bool breakout = what.observation.kind == ElementKind::kBits;
    Print(breakout ? "replay.transport_fraction.breakout" : "replay.transport_fraction", what,
          rates, bytes, breakout);
  }
}

}  // namespace
}  // namespace stillhouse::bench

int main(int argc, char** argv) {
  stillhouse::KeepFreedMemory();
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  if (!stillhouse::comm::MpiSession::LaunchedByMpi()) {
    // Also so that whoever runs all benchmarks need not know: cluster_bench starts it properly.
    fmt::print(stderr, "transport_bench: mpirun -n 2 transport_bench [--quick]\n");
    return 0;
  }
  stillhouse::comm::MpiSession session(&argc, &argv);
  if (session.Size() != 2) {
    fmt::print(stderr, "transport_bench: {} ranks, 2 are needed\n", session.Size());
    return 2;
  }
  stillhouse::bench::Run(session, quick);
  return 0;
}
