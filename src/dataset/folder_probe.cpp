#include "ditmesh/dataset/folder_probe.hpp"

#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <vector>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/seconds.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/output_check.hpp"
#include "hdf5.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

struct FileSystemKind {
  unsigned long magic;  // statfs(2)
  const char* name;
  bool is_network;
  bool is_in_memory;
};

constexpr FileSystemKind kKinds[] = {
    {0xEF53, "ext4", false, false},        {0x58465342, "xfs", false, false},
    {0x9123683E, "btrfs", false, false},   {0x2FC12FC1, "zfs", false, false},
    {0x794C7630, "overlay", false, false}, {0x01021994, "tmpfs", false, true},
    {0x858458F6, "ramfs", false, true},    {0x6969, "nfs", true, false},
    {0x0BD00BD0, "lustre", true, false},   {0x47504653, "gpfs", true, false},
    {0x19830326, "beegfs", true, false},   {0x00C36400, "ceph", true, false},
    {0xFE534D42, "smb", true, false},      {0xFF534D42, "cifs", true, false},
    {0x65735546, "fuse", true, false},     {0x6A656A63, "virtiofs", true, false},
    {0xAAD7AAEA, "panfs", true, false},    {0x01021997, "9p", true, false},
};

constexpr int kNumSyncs = 5;
constexpr size_t kSyncBytes = 4096;

// What went wrong in `body`, or nothing.
std::string error_of(const std::function<void()>& body) {
  try {
    body();
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

void name_file_system(FolderProbe& probe) {
  struct statfs status {};
  if (::statfs(probe.folder.c_str(), &status) != 0) {
    throw EnvironmentError(
        cat("cannot ask for the file system of ", probe.folder, ": ", std::strerror(errno)),
        "check the path");
  }
  const auto magic = static_cast<unsigned long>(static_cast<uint32_t>(status.f_type));
  probe.file_system = cat("type 0x", std::hex, magic);
  for (const FileSystemKind& kind : kKinds) {
    if (kind.magic != magic) continue;
    probe.file_system = kind.name;
    probe.is_network = kind.is_network;
    probe.is_in_memory = kind.is_in_memory;
  }
}

double median_sync_ms(const fs::path& file) {
  const std::string content(kSyncBytes, 'x');
  std::array<double, kNumSyncs> times{};
  for (double& ms : times) {
    const auto start = std::chrono::steady_clock::now();
    write_file_atomically(file, content);
    ms = seconds_since(start) * 1e3;
  }
  if (read_file(file) != content) throw EnvironmentError("a file that was written reads otherwise");
  std::sort(times.begin(), times.end());
  return times[kNumSyncs / 2];
}

bool second_opener_finds_lock(const fs::path& file) {
  const int first = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int second = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_len = 1;
  struct flock wanted = range;
  const bool found = first >= 0 && second >= 0 && ::fcntl(first, F_OFD_SETLK, &range) == 0 &&
                     ::fcntl(second, F_OFD_GETLK, &wanted) == 0 && wanted.l_type != F_UNLCK;
  if (second >= 0) ::close(second);
  if (first >= 0) ::close(first);
  return found;
}

void write_and_read_hdf5(const fs::path& path) {
  constexpr int64_t kAnswer = 42;
  Hdf5Handle written = create_hdf5_file(path);
  write_attribute(written.get(), "answer", kAnswer);
  written.close("close a file");
  const Hdf5Handle file = open_hdf5_file(path);
  if (read_int_attribute(file.get(), "answer") != kAnswer)
    throw EnvironmentError("an HDF5 file that was written reads otherwise");
}

}  // namespace

FolderProbe probe_folder(const fs::path& folder) {
  FolderProbe probe;
  probe.folder = nearest_existing(folder);
  name_file_system(probe);
  probe.free_bytes = free_bytes(probe.folder);
  const std::string prefix = cat(".ditmesh-probe-", ::getpid());
  const fs::path first = probe.folder / (prefix + ".a");
  const fs::path second = probe.folder / (prefix + ".b");
  const fs::path third = probe.folder / (prefix + ".h5");
  probe.write_error = error_of([&] { probe.sync_ms = median_sync_ms(first); });
  if (probe.write_error.empty()) {
    probe.rename_error = error_of([&] {
      write_file_atomically(second, "new");
      rename_durably(second, first);
      if (fs::exists(second) || read_file(first) != "new")
        throw EnvironmentError("a renamed file does not replace the one that was there");
    });
    probe.has_locks = second_opener_finds_lock(first);
    probe.hdf5_error = error_of([&] { write_and_read_hdf5(third); });
  }
  std::error_code ignored;
  for (const fs::path& file : {first, second, third}) {
    fs::remove(file, ignored);
    fs::remove(file.string() + ".tmp", ignored);
  }
  return probe;
}

std::string hdf5_version() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  check_hdf5(::H5get_libversion(&major, &minor, &release), "ask HDF5 for its version");
  return cat(major, '.', minor, '.', release);
}

bool hdf5_has_deflate() { return ::H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0; }

}  // namespace ditmesh
