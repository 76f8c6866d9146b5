#include "rank_device.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/kernels/device.hpp"

namespace ditmesh {

namespace {

int bound_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// The cores that this rank may use: what it is bound to, or its share of the node.
int default_threads(const MpiSession& mpi, const Log& log) {
  const int bound = bound_cores();
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const long online = ::sysconf(_SC_NPROCESSORS_ONLN);
  const int all = std::max(cores, static_cast<int>(online));
  if (bound >= all) return std::max(1, all / mpi.node_size());
  if (mpi.rank() == 0 && bound * mpi.node_size() < all) {
    log.warning(cat("each rank is bound to ", bound, " of ", all, " cores, ", all - bound * mpi.node_size(),
                    " are idle; mpirun --bind-to none, or --map-by with PE=N, uses them"));
  }
  return bound;
}

// The value of the first line of `path` that begins with `key`.
std::string field_of(const std::filesystem::path& path, std::string_view key, const std::string& fallback) {
  std::ifstream info(path);
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with(key)) return std::string(trim(line.substr(line.find(':') + 1)));
  }
  return fallback;
}

std::string cpu_model() { return field_of("/proc/cpuinfo", "model name", "unknown CPU"); }

std::string gpu_model() {
  std::error_code error;
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    return field_of(gpu.path() / "information", "Model", "CUDA device");
  }
  return "CUDA device";
}

}  // namespace

std::string RankDevice::dtype_name() const {
  return dtype_ == at::kFloat ? "fp32" : dtype_ == at::kHalf ? "fp16" : "bf16";
}

std::string RankDevice::model_name() const { return device_.is_cpu() ? cpu_model() : gpu_model(); }

std::string RankDevice::describe() const {
  return cat(model_name(), ", ", dtype_name(),
             device_.is_cpu() ? cat(", ", threads_, threads_ == 1 ? " thread" : " threads") : std::string{});
}

RankDevice choose_device(const Options& options, const MpiSession& mpi, Communicator& world, const Log& log) {
  const std::string& choice = options.text("device");
  const int devices = choice == "cpu" ? 0 : num_cuda_devices();
  // Smallest and largest number of devices of any rank.
  const int most = world.agree(devices);
  const int least = -world.agree(-devices);
  if (choice == "cuda" && least == 0) {
    throw EnvironmentError(
        cat("--device cuda: ", devices == 0 ? "this rank" : "another rank", " sees no CUDA device"),
        "check the driver and CUDA_VISIBLE_DEVICES, or use --device cpu");
  }
  if (least == 0 && most > 0) {
    throw EnvironmentError("--device auto: some ranks see CUDA devices and others do not",
                           "start all ranks on hosts of one kind, or use --device cpu");
  }
  const bool cuda = devices > 0;
  if (cuda && devices > 1 && mpi.node_size() > devices) {
    throw EnvironmentError(
        cat(mpi.node_size(), " ranks on ", MpiSession::host_name(), " share ", devices, " CUDA devices"),
        cat("start at most ", devices, " ranks on this host"));
  }
  const at::Device device =
      cuda ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(mpi.node_rank() % devices))
           : at::Device(at::kCPU);

  const std::string& dtype_name = options.text("dtype");
  at::ScalarType dtype = cuda ? at::kBFloat16 : at::kFloat;
  if (dtype_name == "fp32") dtype = at::kFloat;
  if (dtype_name == "bf16") dtype = at::kBFloat16;
  if (dtype_name == "fp16") dtype = at::kHalf;
  const at::ScalarType noise = options.text("noise-dtype") == "fp32" ? at::kFloat : dtype;
  const int threads =
      options.has("threads") ? static_cast<int>(options.integer("threads")) : default_threads(mpi, log);
  use_device(device, threads);
  return {device, dtype, noise, threads};
}

}  // namespace ditmesh
