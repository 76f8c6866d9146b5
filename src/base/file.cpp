#include "ditmesh/base/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

class FileDescriptor {
 public:
  FileDescriptor(const std::filesystem::path& path, int flags) : fd_(::open(path.c_str(), flags, 0644)) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(std::string_view doing, const std::filesystem::path& path) {
  throw EnvironmentError(cat("cannot ", doing, " ", path, ": ", std::strerror(errno)),
                         "check the path, its permissions and the free space");
}

void sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor descriptor(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
  // Some network file systems refuse fsync on folders; the rename stands all the same.
  if (descriptor && ::fsync(descriptor.get()) != 0 && errno != EINVAL && errno != ENOTSUP) {
    fail("sync", folder);
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    throw ConfigError(cat(path, " is a folder"), "a file is needed here");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw ConfigError(cat("cannot read ", path, ": ", std::strerror(errno)),
                      "check the path and its permissions");
  }
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(trim(line));
}

bool write_all(int file_descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  {
    const FileDescriptor descriptor(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
    if (!descriptor) fail("create", temporary);
    if (!write_all(descriptor.get(), content)) fail("write", temporary);
  }
  rename_durably(temporary, path);
}

void create_folders(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw EnvironmentError(cat("cannot create the folder ", folder, ": ", error.message()),
                           "check the path, its permissions and the free space");
  }
}

bool is_inside(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const auto resolved = [](const std::filesystem::path& one) {
    std::error_code error;
    auto canonical = std::filesystem::weakly_canonical(std::filesystem::absolute(one), error);
    return error ? std::filesystem::absolute(one).lexically_normal() : canonical;
  };
  const auto relative = resolved(path).lexically_relative(resolved(folder));
  return !relative.empty() && *relative.begin() != "..";
}

void rename_durably(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  {
    const FileDescriptor descriptor(temporary, O_RDONLY | O_CLOEXEC);
    if (!descriptor || ::fsync(descriptor.get()) != 0) fail("sync", temporary);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) fail("rename to", path);
  sync_folder(path.parent_path());
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const FileDescriptor descriptor(path, O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (!descriptor || ::fstat(descriptor.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw ConfigError(cat("cannot read ", path, ": ", descriptor ? "not a file" : std::strerror(errno)),
                      "check the path and its permissions");
  }
  if (status.st_size == 0) throw ConfigError(cat(path, " is empty"), "fetch it again");
  size_ = static_cast<size_t>(status.st_size);
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (address == MAP_FAILED) fail("map", path);
  data_ = static_cast<const uint8_t*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<uint8_t*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

void MappedFile::forget(const uint8_t* begin, size_t size) const noexcept {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Only whole pages inside the range: neighbours may still be wanted.
  const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  const uintptr_t last = (reinterpret_cast<uintptr_t>(begin) + size) / page * page;
  if (last > first) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace ditmesh
