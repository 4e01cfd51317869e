#include "learner/protocol/compute_loader.h"

#include <array>
#include <cstdlib>
#include <utility>

#include <dlfcn.h>

#include "common/base/error.h"
#include "common/base/memory.h"

namespace stillhouse::learner {
namespace {

constexpr const char* kFileName = "stillhouse_learner.so";

/// Read by OpenBLAS, OpenMP and LibTorch when they are loaded. OpenBLAS does not know processors
/// newer than itself and then uses kernels without AVX (measured: 31 GFLOP/s instead of 150); two
/// threads gain little alone and collapse beside a busy neighbour.
void PrepareEnvironment() {
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512 || avx2) {
    setenv("OPENBLAS_CORETYPE", avx512 ? "SKYLAKEX" : "HASWELL", 0);
    setenv("ATEN_CPU_CAPABILITY", avx512 ? "avx512" : "avx2", 0);
  }
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  setenv("OMP_NUM_THREADS", "1", 0);
  setenv("MKL_NUM_THREADS", "1", 0);
  setenv("OMP_WAIT_POLICY", "passive", 0);
  KeepFreedMemory();
}

std::filesystem::path FindModule() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) throw ConfigError("learner module: /proc/self/exe: " + error.message());
  const auto folder = program.parent_path();
  const std::array places = {folder / kFileName, folder.parent_path() / kFileName};
  for (const auto& place : places) {
    if (std::filesystem::exists(place, error)) return place;
  }
  throw ConfigError(
      fmt::format("learner module: neither {} nor {} exists; build with -DSTILLHOUSE_LEARNER=ON "
                  "and keep the module beside the program",
                  places[0].string(), places[1].string()));
}

template <typename Function>
Function Symbol(void* library, const char* name, const std::filesystem::path& file) {
  void* const symbol = dlsym(library, name);
  if (symbol == nullptr) {
    throw ConfigError(fmt::format("learner module: {} has no {}", file.string(), name));
  }
  return reinterpret_cast<Function>(symbol);
}

}  // namespace

ComputeModule ComputeModule::Load() { return Load(FindModule()); }

ComputeModule ComputeModule::Load(const std::filesystem::path& file) {
  PrepareEnvironment();
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const why = dlerror();
    throw ConfigError(fmt::format("learner module: {}", why != nullptr ? why : file.string()));
  }
  using Make = ComputeFactory* (*)(std::uint32_t);
  const auto make = Symbol<Make>(library, "stillhouse_make_compute_factory", file);
  const auto remove = Symbol<Deleter>(library, "stillhouse_delete_compute_factory", file);
  ComputeFactory* const factory = make(kComputeAbi);
  if (factory == nullptr) {
    throw ConfigError(
        fmt::format("learner module: {} belongs to another build (interface {} "
                    "expected)",
                    file.string(), kComputeAbi));
  }
  return ComputeModule(std::unique_ptr<ComputeFactory, Deleter>(factory, remove));
}

}  // namespace stillhouse::learner
