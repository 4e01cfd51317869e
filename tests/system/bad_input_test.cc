// What is wrong with the input is said in one clear line each, with exit status 2, before anything
// starts; an earlier run in the same directory is not touched. All through the real program.

#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/command.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::Command;
using testing_support::ScratchDirectory;
using testing_support::StillhouseProgram;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";
const std::string kMpirun = STILLHOUSE_SOURCE_DIR "/tests/support/mpirun.sh";

class BadInputTest : public ::testing::Test {
 protected:
  /// An earlier run lies where the new one is to go.
  BadInputTest() {
    fs::create_directories(run / "checkpoints/100");
    Write(run / "status.json", R"({"status": "done", "exit_status": 0, "attempt": 1})");
    Write(run / "lock", "");
    Write(run / "progress.jsonl", "{\"updates\": 100}\n");
    Write(run / "checkpoints/100/part", std::string(1000, 'x'));
    before = Snapshot();
  }
  static void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  /// Every file, with its content.
  std::map<std::string, std::string> Snapshot() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(scratch.Path() / "runs")) {
      std::stringstream text;
      if (entry.is_regular_file()) text << std::ifstream(entry.path()).rdbuf();
      files[entry.path().string()] = text.str();
    }
    return files;
  }

  /// Runs `command`, which must refuse; the lines that it wrote.
  std::vector<std::string> Refused(std::vector<std::string> command) {
    Command refused(std::move(command));
    EXPECT_EQ(refused.Wait(30s), 2) << refused.Output();
    EXPECT_EQ(Snapshot(), before) << "something was stored or lost";
    std::vector<std::string> lines;
    std::istringstream text(refused.Output());
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }
  /// `stillhouse train` with this configuration and these options, alone.
  std::vector<std::string> RefusedTrain(const std::string& config,
                                        std::vector<std::string> options = {}) {
    std::vector<std::string> command = {StillhouseProgram(), "train", config, "--run-dir",
                                        run.string()};
    command.insert(command.end(), options.begin(), options.end());
    return Refused(std::move(command));
  }
  std::string Config(const std::string& text) const { return scratch.Write("c.yaml", text); }

  const ScratchDirectory scratch;
  const fs::path run = scratch.Path() / "runs" / "earlier";
  std::map<std::string, std::string> before;
};

TEST_F(BadInputTest, AnUnknownKey) {
  EXPECT_THAT(RefusedTrain(Config("env: {id: classic/cart_pole}\nreplay:\n  alfa: 0.5\n")),
              ElementsAre(AllOf(HasSubstr("c.yaml:3: replay.alfa: unknown key"),
                                HasSubstr("did you mean 'alpha'?"))));
}

TEST_F(BadInputTest, AValueOfTheWrongType) {
  EXPECT_THAT(RefusedTrain(Config("env: {id: classic/cart_pole}\nreplay: {beta: many}\n")),
              ElementsAre(AllOf(HasSubstr("c.yaml:2: replay.beta: found 'many'"),
                                HasSubstr("expected number, 0 to 1"))));
}

TEST_F(BadInputTest, AValueOutOfRange) {
  EXPECT_THAT(RefusedTrain(kSmoke, {"--set", "replay.n_step=0"}),
              ElementsAre(AllOf(HasSubstr("--set replay.n_step=0: found '0'"),
                                HasSubstr("whole number, 1 to 1000"))));
}

TEST_F(BadInputTest, ValuesThatContradictEachOther) {
  EXPECT_THAT(RefusedTrain(kSmoke, {"--set", "replay.min_size=50000"}),
              ElementsAre(HasSubstr("50000 is above replay.capacity 20000")));
}

TEST_F(BadInputTest, SeveralErrorsAreSaidTogether) {
  EXPECT_THAT(
      RefusedTrain(Config("env: {id: classic/chess}\nreplay: {alfa: 1, beta: 7}\nstop: {}\n")),
      ElementsAre(HasSubstr("c.yaml:2: replay.alfa"), HasSubstr("c.yaml:2: replay.beta"),
                  HasSubstr("c.yaml:1: env.id")));
}

TEST_F(BadInputTest, BrokenYaml) {
  EXPECT_THAT(RefusedTrain(Config("env: {id: classic/cart_pole\nreplay: [1\n")),
              ElementsAre(HasSubstr("c.yaml:2: not valid YAML")));
}

TEST_F(BadInputTest, AnUnknownEnvironment) {
  EXPECT_THAT(RefusedTrain(Config("env: {id: minatar/chess}\n")),
              ElementsAre(AllOf(HasSubstr("c.yaml:1: env.id: unknown environment 'minatar/chess'"),
                                HasSubstr("minatar/breakout"))));
}

TEST_F(BadInputTest, ANetworkThatDoesNotFitTheActions) {
  const std::string text =
      "include: " + kSmoke + "\nteacher:\n  network: {layers: [{linear: 5}]}\n";
  EXPECT_THAT(RefusedTrain(Config(text)),
              ElementsAre(AllOf(HasSubstr("c.yaml:3: teacher.network.layers[0]"),
                                HasSubstr("must be q_head"))));
}

TEST_F(BadInputTest, ANetworkThatDoesNotFitTheObservation) {
  const std::string text = "include: " + kSmoke +
                           "\nstudents:\n  small:\n    network: {layers: [{conv2d: {filters: 4, "
                           "kernel: 3}}, flatten, q_head]}\n";
  EXPECT_THAT(RefusedTrain(Config(text)),
              ElementsAre(AllOf(HasSubstr("c.yaml"), HasSubstr("students.small.network"),
                                HasSubstr("conv4k3"), HasSubstr("input [4]"))));
}

TEST_F(BadInputTest, ACapacityThatNoMemoryHolds) {
  EXPECT_THAT(RefusedTrain(kSmoke, {"--set", "replay.capacity=1000000000000"}),
              ElementsAre(AllOf(HasSubstr("replay.capacity: 1000000000000"), HasSubstr("TB"),
                                HasSubstr("but it has"))));
}

/// A port of the loopback address that somebody listens on.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), length);
    ::listen(socket_, 1);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    text = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~TakenPort() { ::close(socket_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  std::string text;

 private:
  int socket_;
};

TEST_F(BadInputTest, APortThatIsTaken) {
  const TakenPort taken;
  EXPECT_THAT(RefusedTrain(kSmoke, {"--set", "actors.listen=" + taken.text}),
              ElementsAre(AllOf(HasSubstr("cannot listen on " + taken.text),
                                HasSubstr("Address already in use"))));
}

/// The lines that are ours: mpirun adds words of its own about the exit status.
std::vector<std::string> Containing(const std::vector<std::string>& lines,
                                    const std::string& part) {
  std::vector<std::string> found;
  for (const auto& line : lines) {
    if (line.find(part) != std::string::npos) found.push_back(line);
  }
  return found;
}

TEST_F(BadInputTest, APortThatIsTakenWhereAnotherRankListens) {
  const TakenPort taken;
  const auto lines = Refused({kMpirun, "-n", "3", StillhouseProgram(), "train", kSmoke, "--run-dir",
                              run.string(), "--set", "actors.listen=" + taken.text});
  EXPECT_THAT(Containing(lines, "cannot listen"), ElementsAre(HasSubstr(taken.text)));
  EXPECT_THAT(Containing(lines, "MPI_ABORT"), ElementsAre());
}

TEST_F(BadInputTest, ALayoutThatLeavesANeededRoleWithoutARank) {
  const auto part = [&](const std::string& role) {
    return std::vector<std::string>{
        "-n", "1", StillhouseProgram(), "train", kSmoke, "--run-dir", run.string(), "--role", role};
  };
  std::vector<std::string> command = {kMpirun};
  for (const char* role : {"learner", "student", "actor"}) {
    if (command.size() > 1) command.emplace_back(":");
    const auto words = part(role);
    command.insert(command.end(), words.begin(), words.end());
  }
  EXPECT_THAT(Containing(Refused(command), "--role"),
              ElementsAre(AllOf(HasSubstr("no rank plays shard"),
                                HasSubstr("0 learner, 1 student, 2 actor"))));
}

TEST_F(BadInputTest, ARoleThatThereIsNot) {
  EXPECT_THAT(
      RefusedTrain(kSmoke, {"--role", "lerner"}),
      ElementsAre(AllOf(HasSubstr("unknown role 'lerner'"), HasSubstr("learner, student"))));
}

TEST_F(BadInputTest, AnIncludeThatIncludesItself) {
  EXPECT_THAT(RefusedTrain(Config("include: c.yaml\nenv: {id: classic/cart_pole}\n")),
              ElementsAre(AllOf(HasSubstr("c.yaml:1: include:"), HasSubstr("includes itself"))));
}

TEST_F(BadInputTest, AFileThatIsNotThere) {
  EXPECT_THAT(RefusedTrain((scratch.Path() / "none.yaml").string()),
              ElementsAre(HasSubstr("none.yaml")));
}

/// A shell script in mount points of its own. Its $0 is the program, $1 a directory, $2 the
/// configuration, $3 what else it needs.
std::vector<std::string> Isolated(const std::string& script, const fs::path& directory,
                                  const std::string& more = "") {
  std::vector<std::string> command = {"/usr/bin/unshare", "--mount"};
  if (geteuid() != 0) command.emplace_back("--map-root-user");
  command.insert(command.end(),
                 {"/bin/sh", "-c", script, StillhouseProgram(), directory.string(), kSmoke, more});
  return command;
}

TEST_F(BadInputTest, ADirectoryThatCannotBeWritten) {
  const std::string script = R"sh(
    mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99
    exec "$0" train "$2" --run-dir "$1/$3")sh";
  // The run's own directory, and one that would have to be made.
  for (const char* name : {"earlier", "new"}) {
    EXPECT_THAT(Refused(Isolated(script, scratch.Path() / "runs", name)),
                ElementsAre(AllOf(StartsWith(scratch.Path().string()),
                                  HasSubstr("Read-only file system"))));
  }
}

TEST_F(BadInputTest, ADiskThatIsFull) {
  // The earlier run lies on the full disk too; what becomes of it is compared there.
  const std::string script = R"sh(
    mount -t tmpfs -o size=64k none "$1/../disk" && cp -r "$1/earlier" "$1/../disk/" || exit 99
    cd "$1/../disk"
    before=$(find . -type f | sort | xargs sha256sum)
    cat /dev/zero > filler 2>/dev/null
    "$0" train "$2" --run-dir "$1/../disk/earlier"; status=$?
    rm filler
    [ "$before" = "$(find . -type f | sort | xargs sha256sum)" ] || echo "the earlier run changed"
    exit $status)sh";
  fs::create_directories(scratch.Path() / "disk");
  EXPECT_THAT(Refused(Isolated(script, scratch.Path() / "runs")),
              ElementsAre(HasSubstr("No space left on device")));
}

TEST(FullDiskTest, InTheMiddleOfARunEndsItWithAClearStatus) {
  const std::string script = R"sh(
    mount -t tmpfs -o size=2m none "$1" && cd "$1" || exit 99
    "$0" train "$2" --run-dir run --set monitor.log_every=50ms --set stop.time=60s \
       --set replay.durability=none \
       --set stop.frames=none & job=$!
    until [ -s run/progress.jsonl ]; do sleep 0.1; done
    cat /dev/zero > filler 2>/dev/null
    wait $job; status=$?
    echo "STATUS $(tr -d '\n' < run/status.json)"
    exit $status)sh";
  const ScratchDirectory scratch;
  fs::create_directories(scratch.Path() / "disk");
  Command job(Isolated(script, scratch.Path() / "disk"));
  EXPECT_EQ(job.Wait(60s), 1) << job.Output();
  EXPECT_THAT(job.Output(), HasSubstr("progress"));
  EXPECT_THAT(job.Output(), HasSubstr("No space left on device"));
  EXPECT_THAT(job.Output(), HasSubstr("STATUS {  \"status\": \"failed\"")) << job.Output();
}

}  // namespace
}  // namespace stillhouse
