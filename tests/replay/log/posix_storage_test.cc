#include "replay/log/posix_storage.h"

#include <filesystem>
#include <future>

#include <gmock/gmock.h>
#include <unistd.h>

#include "common/base/error.h"
#include "replay/driver/threaded_device.h"

namespace stillhouse::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PosixStorageTest : public ::testing::Test {
 protected:
  PosixStorageTest()
      : folder_(fs::temp_directory_path() /
                fmt::format("stillhouse-log-{}-{}", ::getpid(),
                            ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(folder_);
  }
  ~PosixStorageTest() override { fs::remove_all(folder_); }
  static std::vector<std::uint8_t> Bytes(const std::string& text) {
    return {text.begin(), text.end()};
  }
  fs::path folder_;
};

TEST_F(PosixStorageTest, AppendsReadsRenamesAndRemoves) {
  PosixStorage storage(folder_ / "deep" / "shard-0");
  storage.Create("a");
  storage.Append("a", Bytes("one"));
  storage.Append("a", Bytes("two"));
  storage.Sync("a");
  EXPECT_EQ(storage.Read("a"), Bytes("onetwo"));
  EXPECT_EQ(storage.Size("a"), 6U);
  storage.Truncate("a", 3);
  storage.Append("a", Bytes("!"));
  EXPECT_EQ(storage.Read("a"), Bytes("one!"));
  storage.Rename("a", "b");
  storage.Append("b", Bytes("?"));
  EXPECT_EQ(storage.Read("b"), Bytes("one!?"));
  EXPECT_THAT(storage.List(), ElementsAre("b")) << "without the lock";
  storage.Remove("b");
  EXPECT_THROW(storage.Read("b"), StorageError);
}

TEST_F(PosixStorageTest, ManyFilesMayBeAppendedToInTurn) {
  PosixStorage storage(folder_);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) {
      const std::string name = std::to_string(i);
      if (round == 0) storage.Create(name);
      storage.Append(name, Bytes(name));
    }
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(storage.Read(std::to_string(i)), Bytes(std::string(3, static_cast<char>('0' + i))));
  }
}

TEST_F(PosixStorageTest, AFolderHasOneOwnerAndAnyNumberOfReaders) {
  const PosixStorage owner(folder_);
  try {
    const PosixStorage second(folder_);
    FAIL() << "two owners";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("another job"));
  }
  EXPECT_NO_THROW(PosixStorage(folder_, PosixStorage::Mode::kReadOnly));
  EXPECT_THROW(PosixStorage(folder_ / "none", PosixStorage::Mode::kReadOnly), StorageError);
}

TEST_F(PosixStorageTest, AFullDiskLeavesTheFileAsItWas) {
  PosixStorage storage(folder_);
  // Every write to it fails as on a full disk.
  fs::create_symlink("/dev/full", folder_ / "full");
  try {
    storage.Append("full", Bytes("x"));
    FAIL() << "written";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("No space left"));
  }
}

TEST_F(PosixStorageTest, TheThreadDoesEverythingInOrderAndSaysSo) {
  PosixStorage storage(folder_);
  LogPosition last = 0;
  {
    ThreadedDevice device(storage, true, [] {});
    device.Submit({StorageOperation::Kind::kCreate, "log", {}, {}});
    for (int i = 0; i < 1000; ++i) {
      last = device.Submit(
          {StorageOperation::Kind::kAppend, "log", {}, Bytes(fmt::format("{:04}", i))});
    }
    for (int waited = 0; device.Done() < last && waited < 10000; ++waited) ::usleep(1000);
    EXPECT_EQ(device.Done(), last);
    EXPECT_EQ(device.Error(), "");
    device.Submit({StorageOperation::Kind::kRename, "log", "done", {}});
  }
  const auto bytes = storage.Read("done");
  ASSERT_EQ(bytes.size(), 4000U);
  EXPECT_EQ(std::string(bytes.end() - 4, bytes.end()), "0999");
}

TEST_F(PosixStorageTest, TheThreadStopsAtTheFirstErrorAndWakesWhoWaits) {
  PosixStorage storage(folder_);
  fs::create_symlink("/dev/full", folder_ / "full");
  std::promise<void> told;
  ThreadedDevice device(storage, false, [&told, once = false]() mutable {
    if (!std::exchange(once, true)) told.set_value();
  });
  device.Submit({StorageOperation::Kind::kAppend, "full", {}, Bytes("x")});
  ASSERT_EQ(told.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_THAT(device.Error(), HasSubstr("No space left"));
  device.Submit({StorageOperation::Kind::kCreate, "later", {}, {}});
  ::usleep(20000);
  EXPECT_FALSE(fs::exists(folder_ / "later"));
  EXPECT_EQ(device.Done(), 0U);
}

}  // namespace
}  // namespace stillhouse::replay
