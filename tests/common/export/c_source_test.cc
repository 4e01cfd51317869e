// The generated C is compiled by the system's compiler and run: what it computes is compared with
// the native backend.
#include "common/export/c_source.h"

#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/export/c_harness.h"
#include "tests/support/command.h"
#include "tests/support/layer_zoo.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::Command;
using testing_support::LargestDifference;
using testing_support::LayerZoo;
using testing_support::Magnitude;
using testing_support::NativeQValues;
using testing_support::ScratchDirectory;
using testing_support::ZooNetwork;
using testing_support::ZooObservations;
using testing_support::ZooParameters;

constexpr std::int64_t kObservations = 40;

std::string AsText(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::vector<float> ReadFloats(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// The output of a program, and a failure unless it ends well.
std::string Execute(const std::vector<std::string>& argv) {
  Command command(argv);
  const auto status = command.Wait(60s);
  EXPECT_EQ(status, 0) << command.Output();
  return command.Output();
}

/// One compiled model in a directory of its own.
class Compiled {
 public:
  explicit Compiled(const ExportedModel& model) : name_(model.name) {
    const CSource source = WriteCSource(model);
    directory_.Write(name_ + ".h", source.header);
    directory_.Write(name_ + ".c", source.source);
    directory_.Write(name_ + "_check.c", WriteCHarness(model));
    Execute({"/usr/bin/cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow",
             "-Wdouble-promotion", "-O1", File(".c"), File("_check.c"), "-o", File("_check"),
             "-lm"});
  }
  std::vector<float> Q(const std::vector<float>& observations) const {
    const std::string in = directory_.Write("observations", AsText(observations));
    Execute({File("_check"), in, File(".q")});
    return ReadFloats(File(".q"));
  }
  std::string File(const std::string& ending) const {
    return (directory_.Path() / (name_ + ending)).string();
  }

 private:
  std::string name_;
  ScratchDirectory directory_;
};

class CSourceOfLayerTest : public ::testing::TestWithParam<ZooNetwork> {};

TEST_P(CSourceOfLayerTest, ComputesWhatTheNativeBackendDoes) {
  const auto& [name, network] = GetParam();
  Rng rng(11);
  const auto parameters = ZooParameters(network, rng);
  const auto observations = ZooObservations(network, kObservations, rng);
  const auto expected = NativeQValues(network, parameters, observations);
  const auto q = Compiled({name, network, parameters, nullptr, "test"}).Q(observations);
  // 1e-5: sums of float32 in another order.
  EXPECT_LE(LargestDifference(q, expected), 1e-5 * Magnitude(expected));
}

TEST_P(CSourceOfLayerTest, Int8ComputesWhatTheWeightsStandFor) {
  const auto& [name, network] = GetParam();
  Rng rng(12);
  const auto int8 = QuantizedParameters::Quantize(network, ZooParameters(network, rng));
  const auto observations = ZooObservations(network, kObservations, rng);
  const auto expected = NativeQValues(network, int8.Dequantize(), observations);
  const auto q = Compiled({name, network, {}, &int8, "test"}).Q(observations);
  EXPECT_LE(LargestDifference(q, expected), 1e-5 * Magnitude(expected));
}

INSTANTIATE_TEST_SUITE_P(Zoo, CSourceOfLayerTest, ::testing::ValuesIn(LayerZoo()),
                         [](const auto& test) { return test.param.name; });

/// The network and parameters of a game's model.
class CSourceTest : public ::testing::Test {
 protected:
  CSourceTest() : network_(LayerZoo().back().network) {
    Rng rng(13);
    parameters_ = ZooParameters(network_, rng);
  }
  ExportedModel Model(const std::string& name) const {
    return {name, network_, parameters_, nullptr, "test"};
  }
  NetworkSpec network_;
  std::vector<float> parameters_;
};

TEST_F(CSourceTest, NeedsNothingOfTheCLibraryButTanhAndSqrt) {
  std::set<std::string> symbols;
  for (const auto& [name, network] : LayerZoo()) {
    Rng rng(1);
    const auto parameters = ZooParameters(network, rng);
    const CSource source = WriteCSource({name, network, parameters, nullptr, "test"});
    EXPECT_THAT(source.source, Not(HasSubstr("alloc")));
    ScratchDirectory directory;
    directory.Write(name + ".h", source.header);
    const std::string file = directory.Write(name + ".c", source.source);
    // -fno-builtin: the compiler may not turn loops into calls.
    Execute({"/usr/bin/cc", "-std=c99", "-ffreestanding", "-fno-tree-loop-distribute-patterns",
             "-O2", "-fno-stack-protector", "-c", file, "-o", file + ".o"});
    std::istringstream lines(Execute({"/usr/bin/nm", "-u", file + ".o"}));
    for (std::string kind, symbol; lines >> kind >> symbol;) symbols.insert(symbol);
  }
  symbols.erase("_GLOBAL_OFFSET_TABLE_");
  EXPECT_THAT(symbols, ::testing::UnorderedElementsAre("tanhf", "sqrt"));
}

TEST_F(CSourceTest, ItIsCppToo) {
  ScratchDirectory directory;
  const CSource source = WriteCSource(Model("game"));
  directory.Write("game.h", source.header);
  const std::string file = directory.Write("game.cc", source.source);
  Execute({"/usr/bin/c++", "-Wall", "-Wextra", "-Werror", "-c", file, "-o", file + ".o"});
}

TEST_F(CSourceTest, WeightsOfEightBitsAreStoredAsSuch) {
  const auto int8 = QuantizedParameters::Quantize(network_, parameters_);
  const CSource source = WriteCSource({"game", network_, parameters_, &int8, "test"});
  EXPECT_THAT(source.source, HasSubstr("static const int8_t weight_3[32768]"));
  EXPECT_THAT(source.source, HasSubstr("static const float scale_3[32]"));
  EXPECT_THAT(source.source, HasSubstr("static const float weight_0[576]")) << "a small one";
  const auto object = [](const Compiled& compiled) {
    Execute({"/usr/bin/cc", "-Os", "-c", compiled.File(".c"), "-o", compiled.File(".o")});
    return static_cast<double>(fs::file_size(compiled.File(".o")));
  };
  EXPECT_LT(object(Compiled({"game", network_, {}, &int8, "test"})),
            0.35 * object(Compiled(Model("game"))));
}

TEST_F(CSourceTest, TheActionIsTheGreatestOfTheLegalOnes) {
  const CSource source = WriteCSource(Model("game"));
  ScratchDirectory directory;
  directory.Write("game.h", source.header);
  const std::string file = directory.Write("game.c", source.source);
  const std::string main = directory.Write("main.c", R"(#include "game.h"
int main(void) {
  const float q[GAME_ACTIONS] = {1.0f, 3.0f, 2.0f, 3.0f, -1.0f, 0.0f};
  const unsigned char some[GAME_ACTIONS] = {1, 0, 1, 0, 1, 1}, none[GAME_ACTIONS] = {0};
  if (game_action(q, 0) != 1) return 1;
  if (game_action(q, some) != 2) return 2;
  return game_action(q, none) == -1 ? 0 : 3;
}
)");
  const std::string program = (directory.Path() / "main").string();
  Execute({"/usr/bin/cc", "-std=c99", "-Wall", "-Wextra", "-Werror", file, main, "-o", program});
  Execute({program});
}

TEST_F(CSourceTest, TheHeaderSaysWhatGoesInAndComesOut) {
  const CSource source = WriteCSource(Model("tiny-2"));
  EXPECT_THAT(source.header, HasSubstr("#define TINY_2_OBSERVATION 400 /* numbers: [4,10,10], "
                                       "row-major, each 0 or 1 */"));
  EXPECT_THAT(source.header, HasSubstr("#define TINY_2_ACTIONS 6"));
  EXPECT_THAT(source.header, HasSubstr("void tiny_2_q(const float *observation"));
  EXPECT_THAT(source.source, HasSubstr("#include \"tiny-2.h\""));
}

TEST(CIdentifierTest, IsOneThatCAllows) {
  EXPECT_EQ(CIdentifier("small"), "small");
  EXPECT_EQ(CIdentifier("a-b.c"), "a_b_c");
  EXPECT_EQ(CIdentifier("4percent"), "m4percent");
  EXPECT_EQ(CIdentifier("_x"), "m_x");
  EXPECT_EQ(CIdentifier(""), "m");
}

TEST(CSourceLimitTest, ANetworkThatNoCompilerTakesIsRefused) {
  const auto network = NetworkSpec::Create(
      {{.kind = LayerKind::kLinear, .units = 4200}, {.kind = LayerKind::kQHead}},
      {ElementKind::kFloats, {4200}}, 2);
  const std::vector<float> parameters(static_cast<std::size_t>(network.ParameterCount()));
  EXPECT_THROW(WriteCSource({"wide", network, parameters, nullptr, "test"}), ConfigError);
}

}  // namespace
}  // namespace stillhouse
