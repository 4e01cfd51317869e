#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace stillhouse::cli {

struct ExportOptions {
  std::string run;    ///< RUN_DIR, or RUN_DIR/checkpoints/<updates>
  std::string model;  ///< its name there
  std::vector<std::string> formats = {"onnx", "c", "native"};
  bool int8 = false;                  ///< each format with 8-bit weights, too
  std::string out = {};               ///< folder; empty: RUN_DIR/exports/<model>
  std::string weights = "last";       ///< last | average: of a teacher whose run is not over
  std::uint32_t observations = 1000;  ///< that the artefacts are run on
  std::uint32_t episodes = 10000;     ///< that say what int8 costs
  std::uint64_t seed = 1;             ///< names the lists of seeds of both
  std::string compiler = "cc";        ///< that the C source is tried with
  std::string onnx_runner = {};       ///< RunOnnxArtefact; empty: none
  std::string version = {};           ///< of this program
};

/// `stillhouse export`: writes a model of a run in formats that run without us, runs each again on
/// observations of the run's environment, and writes the model's card. 0. Throws ConfigError for
/// what cannot be exported, NumericError when an artefact does not compute what the model does;
/// then nothing has been written into `out`.
int RunExport(const ExportOptions& options, std::ostream& out);

}  // namespace stillhouse::cli
