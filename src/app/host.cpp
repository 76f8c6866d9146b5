#include "host.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr const char* kGpuFolder = "/proc/driver/nvidia/gpus";

// The value of the first line of `path` that begins with `key`.
std::string field_of(const std::filesystem::path& path, std::string_view key, const std::string& fallback) {
  std::ifstream info(path);
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with(key)) return std::string(trim(line.substr(line.find(':') + 1)));
  }
  return fallback;
}

uint64_t number_in(const char* path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  return parse_uint(text).value_or(0);  // "max" is no number
}

// "123 kB"
uint64_t kib_of(const std::string& text) {
  return parse_uint(text.substr(0, text.find(' '))).value_or(0) * 1024;
}

bool bind_thread(pid_t thread, const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) {
    if (core < CPU_SETSIZE) CPU_SET(core, &set);
  }
  return ::sched_setaffinity(thread, sizeof set, &set) == 0;
}

}  // namespace

std::string cpu_model() { return field_of("/proc/cpuinfo", "model name", "unknown CPU"); }

std::string gpu_model(const std::string& bus_id) {
  std::error_code error;
  if (const auto gpu = std::filesystem::path(kGpuFolder) / bus_id; std::filesystem::exists(gpu, error))
    return field_of(gpu / "information", "Model", "CUDA device");
  for (const auto& gpu : std::filesystem::directory_iterator(kGpuFolder, error)) {
    return field_of(gpu.path() / "information", "Model", "CUDA device");
  }
  return "CUDA device";
}

int num_host_gpus() {
  std::error_code error;
  const auto gpus = std::filesystem::directory_iterator(kGpuFolder, error);
  return static_cast<int>(std::distance(begin(gpus), end(gpus)));
}

std::string gpu_driver_version() {
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue …"
  for (const std::string& word : split(field_of("/proc/driver/nvidia/version", "NVRM version", ""), ' ')) {
    const bool is_version = !word.empty() && word.find('.') != std::string::npos &&
                            word.find_first_not_of("0123456789.") == std::string::npos;
    if (is_version) return word;
  }
  return {};
}

std::vector<int> bound_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

bool bind_all_threads(const std::vector<int>& cores) {
  bool all = true;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const auto id = parse_int(thread.path().filename().string());
    // One that has ended since is none to bind.
    if (id && !bind_thread(static_cast<pid_t>(*id), cores) && errno != ESRCH) all = false;
  }
  return all && !error;
}

bool bind_this_thread(const std::vector<int>& cores) { return bind_thread(0, cores); }

int num_host_cores() { return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)); }

uint64_t available_memory_bytes() {
  uint64_t available = kib_of(field_of("/proc/meminfo", "MemAvailable", ""));
  const uint64_t limit = number_in("/sys/fs/cgroup/memory.max");
  const uint64_t used = number_in("/sys/fs/cgroup/memory.current");
  if (limit > 0) available = std::min(available, limit > used ? limit - used : 0);
  return available;
}

uint64_t free_shared_memory_bytes() {
  struct statvfs space {};
  if (::statvfs("/dev/shm", &space) != 0) return 0;
  return static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
}

int64_t max_open_files() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<int64_t>(limit.rlim_cur) : 0;
}

}  // namespace ditmesh
