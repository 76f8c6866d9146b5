#include "ditmesh/dataset/output_lock.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/utc_time.hpp"

namespace ditmesh {

namespace {

constexpr std::string_view kExtension = ".lock";
constexpr size_t kMaxOwnerBytes = 1024;
// Locks are on ranges of bytes, also behind the end of the file: one range says who writes to the output, the
// byte behind it who is alone with the job files.
constexpr off_t kJobBytes = 1 << 20;
constexpr std::chrono::seconds kPatience{60};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

enum class Outcome { locked, taken, unsupported };

// Of the open file, not of the process: closing another descriptor of the file does not free it.
Outcome try_lock(int fd, short kind, const std::filesystem::path& path, off_t begin = 0,
                 off_t size = kJobBytes) {
  struct flock range {};
  range.l_type = kind;
  range.l_whence = SEEK_SET;
  range.l_start = begin;
  range.l_len = size;
  while (::fcntl(fd, F_OFD_SETLK, &range) != 0) {
    switch (errno) {
      case EINTR:
        continue;
      case EAGAIN:
      case EACCES:
        return Outcome::taken;
      case ENOSYS:
      case ENOTSUP:
      case EINVAL:
      case ENOLCK:
        return Outcome::unsupported;
      default:
        throw EnvironmentError(cat("cannot lock ", path, ": ", std::strerror(errno)),
                               "check the file system of --output");
    }
  }
  return Outcome::locked;
}

bool is_locked_by_another(int fd) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_len = kJobBytes;
  return ::fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

std::string owner_in(int fd) {
  std::array<char, kMaxOwnerBytes> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  return size <= 0 ? std::string{} : std::string(trim({text.data(), static_cast<size_t>(size)}));
}

int open_lock(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    throw EnvironmentError(cat("cannot open ", path, ": ", std::strerror(errno)),
                           "give an --output where you may write");
  }
  return fd;
}

std::string user_name() {
  if (const passwd* user = ::getpwuid(::geteuid())) return user->pw_name;
  return cat("user ", ::geteuid());
}

[[noreturn]] void fail_taken(const std::filesystem::path& output) {
  // Between the look at the lock and the look at its owner the other job may have ended.
  const auto owners = lock_owners(output);
  throw ConfigError(cat("another job writes to ", output, ": ",
                        owners.empty() ? "it has not said its name" : join(owners, "; ")),
                    "wait until it ends, or choose another --output");
}

// False on a file system without locks.
bool take(int fd, short kind, const std::filesystem::path& path, const std::filesystem::path& output,
          const Log& log) {
  const Outcome outcome = try_lock(fd, kind, path);
  if (outcome == Outcome::taken) fail_taken(output);
  if (outcome == Outcome::unsupported) {
    log.warning(cat("the file system of ", output,
                    " has no locks: take care that no other job writes there (Lustre: mount with -o flock)"));
  }
  return outcome == Outcome::locked;
}

// While the lock is held. A failure leaves a name that lock_owners() shows only while somebody holds it.
void erase_owner(int fd) noexcept {
  const int ignored = ::ftruncate(fd, 0);
  static_cast<void>(ignored);
}

// The name is for people: that a disk is full shows soon enough elsewhere.
void write_owner(int fd, const std::filesystem::path& path, const Log& log) {
  const std::string owner = cat(describe_owner(), "\n");
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, owner.data(), owner.size(), 0) < 0) {
    log.warning(cat("cannot write the owner's name to ", path, ": ", std::strerror(errno)));
  }
}

}  // namespace

std::string describe_owner() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  std::string owner = cat(user_name(), " on ", host.data(), ", process ", ::getpid());
  if (const char* job = std::getenv("SLURM_JOB_ID")) owner += cat(", Slurm job ", job);
  return cat(owner, ", since ", utc_now());
}

OutputLock::OutputLock(const std::filesystem::path& output, const Part& part, const Log& log) {
  create_folders(output);
  const std::filesystem::path all_path = output / Part{}.file_name(kExtension);
  FileDescriptor all(open_lock(all_path));
  if (!take(all.get(), part.is_whole() ? F_WRLCK : F_RDLCK, all_path, output, log)) return;
  if (part.is_whole()) {
    write_owner(all.get(), all_path, log);
    owned_fd_ = all.release();
    return;
  }
  erase_owner(all.get());  // of a job for the whole dataset that crashed
  const std::filesystem::path path = output / part.file_name(kExtension);
  FileDescriptor own(open_lock(path));
  if (!take(own.get(), F_WRLCK, path, output, log)) return;
  write_owner(own.get(), path, log);
  owned_fd_ = own.release();
  shared_fd_ = all.release();
}

void OutputLock::alone(const std::function<void()>& body) const {
  if (shared_fd_ < 0) return body();  // the whole dataset: nobody else is there
  const auto end = std::chrono::steady_clock::now() + kPatience;
  const std::filesystem::path name = cat("job", kExtension);
  while (try_lock(shared_fd_, F_WRLCK, name, kJobBytes, 1) == Outcome::taken) {
    if (std::chrono::steady_clock::now() > end) {
      throw EnvironmentError(
          cat("another part's job has kept the lock of the job files for ", kPatience.count(), " s"),
          "look whether a job of this output hangs, and start this one again");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  try {
    body();
  } catch (...) {
    try_lock(shared_fd_, F_UNLCK, name, kJobBytes, 1);
    throw;
  }
  try_lock(shared_fd_, F_UNLCK, name, kJobBytes, 1);
}

OutputLock::~OutputLock() {
  if (owned_fd_ >= 0) {
    erase_owner(owned_fd_);
    ::close(owned_fd_);
  }
  if (shared_fd_ >= 0) ::close(shared_fd_);
}

OutputLock::OutputLock(OutputLock&& other) noexcept
    : shared_fd_(std::exchange(other.shared_fd_, -1)), owned_fd_(std::exchange(other.owned_fd_, -1)) {}

std::vector<std::string> lock_owners(const std::filesystem::path& output) {
  std::vector<std::string> owners;
  for (const Part& part : parts_with_file(output, kExtension)) {
    const FileDescriptor file(::open((output / part.file_name(kExtension)).c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0 || !is_locked_by_another(file.get())) continue;
    const std::string owner = owner_in(file.get());
    if (part.is_whole()) {
      // Empty: the locks are those of parts, which name themselves.
      if (!owner.empty()) owners.push_back(owner);
    } else {
      owners.push_back(cat(part, ": ", owner.empty() ? "it has not said its name" : owner));
    }
  }
  return owners;
}

}  // namespace ditmesh
