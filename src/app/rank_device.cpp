#include "rank_device.hpp"

#include <cstdlib>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/kernels/device.hpp"
#include "host.hpp"

namespace ditmesh {

namespace {

// One: what a rank computes depends on its threads, and a dataset must not depend on how many cores
// the launcher happened to give. More ranks use more cores.
int default_threads(const MpiSession& mpi, bool cuda, const Log& log) {
  const auto num_cores = static_cast<int>(bound_cores().size());
  const int idle = num_cores - mpi.node_size();
  if (mpi.rank() == 0 && !cuda && idle > 0) {
    log.info(cat(mpi.node_size(), " of ", num_cores, " cores are used, one by each rank: mpirun -n ",
                 num_cores, ", or --threads, uses more"));
  }
  return 1;
}

}  // namespace

std::string RankDevice::dtype_name() const {
  return dtype_ == at::kFloat ? "fp32" : dtype_ == at::kHalf ? "fp16" : "bf16";
}

std::string RankDevice::model_name() const {
  // DITMESH_TEST_DEVICE_MODEL plays a machine of mixed devices.
  if (const char* model = std::getenv("DITMESH_TEST_DEVICE_MODEL")) return model;
  return device_.is_cpu() ? cpu_model() : gpu_model();
}

std::string RankDevice::describe() const {
  return cat(model_name(), ", ", dtype_name(),
             device_.is_cpu() ? cat(", ", counted(threads_, "thread")) : std::string{});
}

std::vector<OptionSpec> device_options() {
  const std::string threads =
      "CPU threads of each rank (default 1); fp32 results on the CPU are the same bits for the same number";
  return {{"device",
           OptionKind::choice,
           "",
           "auto",
           "auto takes CUDA where there is one",
           {"auto", "cpu", "cuda"}},
          {"dtype",
           OptionKind::choice,
           "",
           "auto",
           "of weights and activations; auto is bf16 on CUDA, fp32 on the CPU",
           {"auto", "fp32", "bf16", "fp16"}},
          {"noise-dtype",
           OptionKind::choice,
           "",
           "run",
           "the noise is drawn in the run's dtype, as diffusers does, or in fp32",
           {"run", "fp32"}},
          {"threads", OptionKind::integer, "N", "", threads, {}, 1, 1024}};
}

RankDevice choose_device(const Options& options, const MpiSession& mpi, Communicator& world, const Log& log) {
  const std::string& choice = options.text("device");
  const int devices = choice == "cpu" ? 0 : num_cuda_devices();
  // Smallest and largest number of devices of any rank.
  const int most = world.agree(devices);
  const int least = -world.agree(-devices);
  if (choice == "cuda" && least == 0) {
    throw AgreedError(ExitCode::environment, "--device cuda: there is a rank that sees no CUDA device",
                      "check the driver and CUDA_VISIBLE_DEVICES, or use --device cpu");
  }
  if (least == 0 && most > 0) {
    throw AgreedError(ExitCode::environment, "--device auto: some ranks see CUDA devices and others do not",
                      "start all ranks on hosts of one kind, or use --device cpu");
  }
  const bool cuda = devices > 0;
  // Agreed, so that all ranks leave together.
  const int ranks_too_many = world.agree(cuda ? mpi.node_size() - devices : 0);
  if (ranks_too_many > 0) {
    throw AgreedError(ExitCode::environment,
                      cat("a host has ", ranks_too_many, " more ranks than CUDA devices"),
                      "start one rank for each device of a host");
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
      options.has("threads") ? static_cast<int>(options.integer("threads")) : default_threads(mpi, cuda, log);
  use_device(device, threads);
  return {device, dtype, noise, threads};
}

}  // namespace ditmesh
