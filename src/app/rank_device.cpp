#include "rank_device.hpp"

#include <cstdlib>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/kernels/device.hpp"
#include "ditmesh/topology/cpu_list.hpp"
#include "host.hpp"
#include "job_start.hpp"

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

// Ranks whose threads may run on the same cores are bound apart. What the launcher did with care is left
// alone. The threads that serve (watchdog, control, journal, progress) have all cores of the rank's NUMA
// domains: a heartbeat or an fsync must not wait until a computing thread gives way, and the memory they
// touch stays near. Returns the cores of the thread that computes; none where nothing is to be bound.
std::vector<int> bind_to_cores(const JobStart& start, int threads, const MpiSession& mpi, const Log& log) {
  const auto bindings = bind_ranks(start.ranks, start.numa_domains);
  if (mpi.rank() == 0) {
    std::vector<std::string> told;
    for (size_t rank = 0; rank < bindings.size(); ++rank) {
      if (!bindings[rank]) continue;
      told.push_back(
          cat("rank ", rank, " on ", start.ranks[rank].node, " to ", cpu_list(bindings[rank]->computing)));
    }
    constexpr size_t kMostTold = 8;
    const size_t num_bound = told.size();
    if (num_bound > kMostTold) {
      told.resize(kMostTold);
      told.push_back(cat("… (", num_bound, " ranks)"));
    }
    if (num_bound > 0) log.info(cat("bound to cores: ", join(told, ", ")));
    if (const auto trouble = short_of_cores(start.ranks, bindings, threads))
      log.warning(cat(trouble->rule, ": ", trouble->remedy));
  }
  const std::optional<CoreBinding>& mine = bindings[static_cast<size_t>(mpi.rank())];
  if (mine && !bind_all_threads(mine->others)) {
    log.warning(cat("the kernel does not bind this rank to the cores ", cpu_list(mine->others)));
    return {};
  }
  return mine ? mine->computing : std::vector<int>();
}

std::string RankDevice::dtype_name() const {
  return dtype_ == at::kFloat ? "fp32" : dtype_ == at::kHalf ? "fp16" : "bf16";
}

std::string RankDevice::model_name() const {
  // DITMESH_TEST_DEVICE_MODEL plays a machine of mixed devices.
  if (const char* model = std::getenv("DITMESH_TEST_DEVICE_MODEL")) return model;
  return device_.is_cpu() ? cpu_model() : gpu_model(bus_id_);
}

std::string RankDevice::place() const {
  if (!device_.is_cpu()) return bus_id_;
  return computing_cores_.empty() ? std::string() : cat("cores ", cpu_list(computing_cores_));
}

std::string RankDevice::describe() const {
  return cat(model_name(), ", ", dtype_name(),
             device_.is_cpu() ? cat(", ", counted(threads_, "thread")) : std::string{});
}

void RankDevice::bind_computing_threads(const Log& log) const {
  if (!computing_cores_.empty() && !bind_this_thread(computing_cores_))
    log.warning(cat("the kernel does not bind this rank to the cores ", cpu_list(computing_cores_)));
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
          {"threads", OptionKind::integer, "N", "", threads, {}, 1, 1024},
          {"share-devices", OptionKind::flag, "", "", "more ranks than GPUs take turns on them"}};
}

RankDevice choose_device(const Options& options, const MpiSession& mpi, const Log& log) {
  const std::string& choice = options.text("device");
  const JobStart start = gather_start(mpi, choice != "cpu");
  std::optional<std::vector<AssignedDevice>> assigned;
  try {
    assigned = take_devices(start, choice, options.flag("share-devices"));
  } catch (const WrongStart& error) {  // the same on all ranks
    throw AgreedError(ExitCode::environment, error.rule(), error.remedy());
  }
  const int threads = options.has("threads") ? static_cast<int>(options.integer("threads"))
                                             : default_threads(mpi, assigned.has_value(), log);
  at::Device device(at::kCPU);
  std::string bus_id;
  std::vector<int> computing_cores;
  if (assigned) {
    const AssignedDevice& mine = (*assigned)[static_cast<size_t>(mpi.rank())];
    device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(mine.ordinal));
    bus_id = mine.bus_id;
    if (mpi.rank() == 0) {
      for (const std::string& remark : remarks_on_devices(start, *assigned)) log.warning(remark);
    }
  } else {
    computing_cores = bind_to_cores(start, threads, mpi, log);
  }

  const std::string& dtype_name = options.text("dtype");
  at::ScalarType dtype = assigned ? at::kBFloat16 : at::kFloat;
  if (dtype_name == "fp32") dtype = at::kFloat;
  if (dtype_name == "bf16") dtype = at::kBFloat16;
  if (dtype_name == "fp16") dtype = at::kHalf;
  const at::ScalarType noise = options.text("noise-dtype") == "fp32" ? at::kFloat : dtype;
  use_device(device, threads);
  return {device, dtype, noise, threads, bus_id, computing_cores};
}

}  // namespace ditmesh
