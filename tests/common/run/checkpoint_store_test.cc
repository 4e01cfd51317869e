#include "common/run/checkpoint_store.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/run/atomic_file.h"
#include "common/run/checkpoint_writer.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;

Checkpoint At(std::uint64_t updates) {
  Checkpoint checkpoint;
  checkpoint.facts = {updates, updates * 4, 2, "train", {{"small", 12.5}}};
  checkpoint.files["teacher.state"] = {1, 2, 3, static_cast<std::uint8_t>(updates)};
  checkpoint.files["coordinator.state"] = std::vector<std::uint8_t>(1000, 7);
  return checkpoint;
}

class CheckpointStoreTest : public ::testing::Test {
 protected:
  CheckpointStoreTest() {
    std::string name = (fs::temp_directory_path() / "stillhouse-test-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    run_ = name;
  }
  ~CheckpointStoreTest() override { fs::remove_all(run_); }

  CheckpointStore Store() const { return CheckpointStore(run_); }
  fs::path Folder(std::uint64_t updates) const {
    return run_ / "checkpoints" / std::to_string(updates);
  }
  /// The newest whole one's updates; 0: none. Reasons of those passed over go to `skipped_`.
  std::uint64_t Newest() {
    skipped_.clear();
    const auto found =
        Store().ReadNewest([this](const std::string& why) { skipped_.push_back(why); });
    return found ? found->facts.updates : 0;
  }
  void Flip(const fs::path& file, std::size_t at) const {
    std::string bytes = ReadFile(file);
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x10);
    std::ofstream(file, std::ios::binary) << bytes;
  }

  fs::path run_;
  std::vector<std::string> skipped_;
};

TEST_F(CheckpointStoreTest, GivesBackWhatWasWritten) {
  Store().Write(At(100), 3);
  const auto read = CheckpointStore::Read(Folder(100));
  EXPECT_EQ(read.files, At(100).files);
  EXPECT_EQ(read.facts.updates, 100U);
  EXPECT_EQ(read.facts.frames, 400U);
  EXPECT_EQ(read.facts.attempt, 2U);
  EXPECT_EQ(read.facts.phase, "train");
  EXPECT_EQ(read.facts.reused, (std::map<std::string, double>{{"small", 12.5}}));
}

TEST_F(CheckpointStoreTest, KeepsAsManyAsAskedForAndTheNewestOfThem) {
  for (const std::uint64_t updates : {9, 10, 100, 2000}) Store().Write(At(updates), 2);
  EXPECT_EQ(Store().List(), (std::vector<fs::path>{Folder(2000), Folder(100)}));
}

TEST_F(CheckpointStoreTest, ReplacesACheckpointOfTheSameUpdate) {
  Store().Write(At(100), 3);
  Checkpoint later = At(100);
  later.files["teacher.state"] = {9};
  Store().Write(later, 3);
  EXPECT_EQ(CheckpointStore::Read(Folder(100)).files, later.files);
  EXPECT_EQ(std::distance(fs::directory_iterator(run_ / "checkpoints"), {}), 1);
}

TEST_F(CheckpointStoreTest, FallsBackToTheOneBeforeWhateverByteOfTheNewestIsDamaged) {
  for (const std::string name : {"teacher.state", "coordinator.state", "MANIFEST.json"}) {
    Store().Write(At(100), 3);
    Store().Write(At(200), 3);
    const std::size_t size = ReadFile(Folder(200) / name).size();
    for (std::size_t at = 0; at < size; at += 1 + size / 97) {
      Flip(Folder(200) / name, at);
      EXPECT_EQ(Newest(), 100U) << name << " byte " << at;
      ASSERT_EQ(skipped_.size(), 1U);
      EXPECT_NE(skipped_[0].find("200"), std::string::npos) << skipped_[0];
      Flip(Folder(200) / name, at);
    }
    EXPECT_EQ(Newest(), 200U);
  }
}

TEST_F(CheckpointStoreTest, FallsBackWhenAFileIsCutShortOrMissing) {
  Store().Write(At(100), 3);
  Store().Write(At(200), 3);
  fs::resize_file(Folder(200) / "coordinator.state", 999);
  EXPECT_EQ(Newest(), 100U);
  EXPECT_NE(skipped_[0].find("999 bytes, the manifest says 1000"), std::string::npos);
  fs::remove(Folder(200) / "coordinator.state");
  EXPECT_EQ(Newest(), 100U);
  fs::remove(Folder(200) / "MANIFEST.json");
  EXPECT_EQ(Newest(), 100U);
  fs::remove(Folder(100) / "MANIFEST.json");
  EXPECT_EQ(Newest(), 0U);
  EXPECT_EQ(skipped_.size(), 2U);
}

TEST_F(CheckpointStoreTest, TakesNothingHalfWrittenForACheckpointAndClearsItAway) {
  Store().Write(At(100), 3);
  fs::copy(Folder(100), run_ / "checkpoints" / "300.partial");
  EXPECT_EQ(Newest(), 100U);
  Store().Write(At(200), 3);
  EXPECT_FALSE(fs::exists(run_ / "checkpoints" / "300.partial"));
}

TEST_F(CheckpointStoreTest, RefusesAManifestWhoseFileNamesLeaveTheDirectory) {
  // A manifest that somebody made up, with a checksum that is right.
  std::ofstream(run_ / "secret") << "x";
  Checkpoint checkpoint = At(100);
  Store().Write(checkpoint, 3);
  std::string text = ReadFile(Folder(100) / "MANIFEST.json");
  text.replace(text.find("teacher.state"), 13, "../../secret");
  std::ofstream(Folder(100) / "MANIFEST.json") << text;
  EXPECT_EQ(Newest(), 0U);
}

TEST_F(CheckpointStoreTest, SaysWhatTheDiskRefused) {
  fs::create_directories(run_ / "other");
  std::ofstream(run_ / "other" / "checkpoints") << "a file where the folder has to go";
  const auto outcome = WriteCheckpoint(CheckpointStore(run_ / "other"), At(200), 3);
  EXPECT_NE(outcome.error.find("other/checkpoints"), std::string::npos) << outcome.error;
}

TEST_F(CheckpointStoreTest, WritesOnAThreadOfItsOwnInOrder) {
  std::vector<std::uint64_t> written;
  {
    CheckpointWriter writer(run_, 2);
    for (const std::uint64_t updates : {1, 2, 3}) writer.Submit(At(updates));
    while (written.size() < 3) {
      if (const auto outcome = writer.TakeOutcome()) {
        EXPECT_EQ(outcome->error, "");
        EXPECT_EQ(outcome->bytes, 1004U);
        written.push_back(outcome->updates);
      }
    }
    EXPECT_FALSE(writer.TakeOutcome());
  }
  EXPECT_EQ(written, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(Newest(), 3U);
}

}  // namespace
}  // namespace stillhouse
