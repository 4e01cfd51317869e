#include "common/run/atomic_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/failpoint.h"

namespace stillhouse {
namespace {

[[noreturn]] void Fail(const std::filesystem::path& path, const char* what, int error) {
  throw StorageError(fmt::format("{}: cannot {}: {}", path.string(), what, std::strerror(error)));
}

/// An open file; closing it is checked by Close(), or silent on the way out of an error.
class File {
 public:
  File(const std::filesystem::path& path, int flags, unsigned mode)
      : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (descriptor_ < 0) Fail(path_, "open", errno);
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void Write(const char* bytes, std::size_t count) const {
    while (count > 0) {
      const ssize_t written = ::write(descriptor_, bytes, count);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) Fail(path_, "write", errno);
      bytes += written;
      count -= static_cast<std::size_t>(written);
    }
  }
  void Sync() const {
    // A pipe or a device cannot be synced; there is nothing to lose then.
    if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) Fail(path_, "sync", errno);
  }
  void Close() {
    const int result = ::close(descriptor_);
    descriptor_ = -1;
    if (result != 0) Fail(path_, "close", errno);
  }

 private:
  const std::filesystem::path& path_;
  int descriptor_;
};

void SyncDirectory(const std::filesystem::path& directory) {
  File file(directory, O_RDONLY | O_DIRECTORY, 0);
  file.Sync();
}

}  // namespace

void ReplaceFile(const std::filesystem::path& path, std::span<const std::uint8_t> bytes,
                 unsigned mode) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  // A leftover of a crash may have another mode: a secret is never written into an open file.
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) Fail(temporary, "remove", errno);
  try {
    File file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    const int error = SH_FAILPOINT_ERROR("file.torn", [&] {
      file.Write(reinterpret_cast<const char*>(bytes.data()), bytes.size() / 2);
    });
    if (error != 0) Fail(path, "write", error);
    file.Write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    file.Sync();
    file.Close();
    SH_FAILPOINT("file.rename");
    if (::rename(temporary.c_str(), path.c_str()) != 0) Fail(path, "replace", errno);
  } catch (const StorageError&) {
    ::unlink(temporary.c_str());
    throw;
  }
  SyncDirectory(path.has_parent_path() ? path.parent_path() : ".");
}

void ReplaceFile(const std::filesystem::path& path, std::string_view text, unsigned mode) {
  ReplaceFile(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, mode);
}

void AppendLine(const std::filesystem::path& path, std::string_view line) {
  const std::string text = fmt::format("{}\n", line);
  File file(path, O_WRONLY | O_CREAT | O_APPEND, kModeShared);
  file.Write(text.data(), text.size());
  file.Close();
}

std::string ReadFile(const std::filesystem::path& path, std::size_t most_bytes) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) Fail(path, "open", errno);
  std::string text;
  char buffer[65536];
  ssize_t count = 0;
  while ((count = ::read(descriptor, buffer, sizeof(buffer))) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      ::close(descriptor);
      Fail(path, "read", error);
    }
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > most_bytes) {
      ::close(descriptor);
      throw StorageError(fmt::format("{}: more than {} bytes", path.string(), most_bytes));
    }
  }
  ::close(descriptor);
  return text;
}

}  // namespace stillhouse
