#include "replay/log/posix_storage.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/failpoint.h"

namespace stillhouse::replay {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = "LOCK";
constexpr int kFileMode = 0644;
/// Segments that are full stay open until so many files are.
constexpr std::size_t kMostOpen = 4;

[[noreturn]] void Fail(const fs::path& path, const char* what, int error) {
  throw StorageError(fmt::format("{}: cannot {}: {}", path.string(), what,
                                 std::generic_category().message(error)));
}

/// Returns 0, or an errno. `done` counts the bytes that were written.
int WriteAll(int descriptor, std::span<const std::uint8_t> bytes, std::size_t& done) {
  while (done < bytes.size()) {
    const ssize_t wrote = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    done += static_cast<std::size_t>(wrote);
  }
  return 0;
}

}  // namespace

PosixStorage::PosixStorage(fs::path folder, Mode mode) : folder_(std::move(folder)) {
  std::error_code error;
  if (mode == Mode::kReadOnly) {
    if (!fs::is_directory(folder_, error)) {
      throw StorageError(folder_.string() + ": no such directory");
    }
    return;
  }
  fs::create_directories(folder_, error);
  if (error) Fail(folder_, "create", error.value());
  const fs::path lock = folder_ / kLockName;
  lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (lock_ < 0) Fail(lock, "open", errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(lock_);
    if (reason == EWOULDBLOCK) {
      throw StorageError(fmt::format("{}: another job writes its replay there", folder_.string()));
    }
    Fail(lock, "lock", reason);
  }
}

PosixStorage::~PosixStorage() {
  for (auto& [name, file] : open_) ::close(file.descriptor);
  if (lock_ >= 0) ::close(lock_);
}

std::string PosixStorage::Describe(const std::string& name) const {
  return (folder_ / name).string();
}

std::vector<std::string> PosixStorage::List() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name != kLockName) names.push_back(name);
  }
  if (error) Fail(folder_, "list", error.value());
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t PosixStorage::Size(const std::string& name) const {
  std::error_code error;
  const auto size = fs::file_size(folder_ / name, error);
  if (error) Fail(folder_ / name, "look up", error.value());
  return size;
}

std::vector<std::uint8_t> PosixStorage::Read(const std::string& name) const {
  const fs::path path = folder_ / name;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) Fail(path, "open", errno);
  struct stat facts {};
  int error = ::fstat(descriptor, &facts) == 0 ? 0 : errno;
  std::vector<std::uint8_t> bytes(error == 0 ? static_cast<std::size_t>(facts.st_size) : 0);
  std::size_t done = 0;
  while (error == 0 && done < bytes.size()) {
    const ssize_t got = ::read(descriptor, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  ::close(descriptor);
  if (error != 0) Fail(path, "read", error);
  bytes.resize(done);
  return bytes;
}

void PosixStorage::WillRead(const std::string& name) const {
  const int descriptor = ::open((folder_ / name).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;  // whoever reads it says what is wrong
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_WILLNEED);
  ::close(descriptor);
}

void PosixStorage::Create(const std::string& name) {
  Close(name);
  while (open_.size() >= kMostOpen) Close(open_.begin()->first);
  const fs::path path = folder_ / name;
  if (const int error = SH_FAILPOINT_ERROR("segment.create"); error != 0) {
    Fail(path, "create", error);
  }
  File file;
  file.descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, kFileMode);
  if (file.descriptor < 0) Fail(path, "create", errno);
  open_[name] = file;
  SH_FAILPOINT("segment.created");
}

PosixStorage::File& PosixStorage::Open(const std::string& name) {
  const auto found = open_.find(name);
  if (found != open_.end()) return found->second;
  const fs::path path = folder_ / name;
  File file;
  file.descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file.descriptor < 0) Fail(path, "open", errno);
  struct stat facts {};
  if (::fstat(file.descriptor, &facts) == 0) file.size = static_cast<std::uint64_t>(facts.st_size);
  return open_[name] = file;
}

void PosixStorage::Close(const std::string& name) {
  const auto found = open_.find(name);
  if (found == open_.end()) return;
  ::close(found->second.descriptor);
  open_.erase(found);
}

void PosixStorage::Append(const std::string& name, std::span<const std::uint8_t> bytes) {
  File& file = Open(name);
  std::size_t done = 0;
  int error = SH_FAILPOINT_ERROR("segment.append");
  if (error == 0) {
    error = SH_FAILPOINT_ERROR("segment.append.torn", [&] {
      WriteAll(file.descriptor, bytes.first(bytes.size() / 2), done);
    });
  }
  if (error == 0) error = WriteAll(file.descriptor, bytes, done);
  if (error != 0) {
    // What a full disk took of it is given back, so that the file ends where a record ends.
    if (::ftruncate(file.descriptor, static_cast<off_t>(file.size)) != 0) {
      file.size += done;
    }
    Fail(folder_ / name, fmt::format("append {} bytes", bytes.size()).c_str(), error);
  }
  file.size += bytes.size();
  SH_FAILPOINT("segment.appended");
}

void PosixStorage::Sync(const std::string& name) {
  SH_FAILPOINT("segment.sync");
  File& file = Open(name);
  if (::fdatasync(file.descriptor) != 0) Fail(folder_ / name, "sync", errno);
  if (file.entry_synced) return;
  SyncFolder();
  file.entry_synced = true;
  SH_FAILPOINT("segment.synced");
}

void PosixStorage::SyncFolder() const {
  const int descriptor = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) Fail(folder_, "open", errno);
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0) Fail(folder_, "sync", error);
}

void PosixStorage::Truncate(const std::string& name, std::uint64_t size) {
  SH_FAILPOINT("segment.truncate");
  File& file = Open(name);
  if (::ftruncate(file.descriptor, static_cast<off_t>(size)) != 0) {
    Fail(folder_ / name, "truncate", errno);
  }
  file.size = size;
  SH_FAILPOINT("segment.truncated");
  if (::fdatasync(file.descriptor) != 0) Fail(folder_ / name, "sync", errno);
}

void PosixStorage::Rename(const std::string& from, const std::string& to) {
  SH_FAILPOINT("segment.rename");
  Close(from);
  Close(to);
  std::error_code error;
  fs::rename(folder_ / from, folder_ / to, error);
  if (error) Fail(folder_ / from, ("rename to " + to).c_str(), error.value());
  SH_FAILPOINT("segment.renamed");
}

void PosixStorage::Remove(const std::string& name) {
  SH_FAILPOINT("segment.remove");
  Close(name);
  std::error_code error;
  fs::remove(folder_ / name, error);
  if (error) Fail(folder_ / name, "remove", error.value());
  SH_FAILPOINT("segment.removed");
}

}  // namespace stillhouse::replay
