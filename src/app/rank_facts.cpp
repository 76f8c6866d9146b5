#include "rank_facts.hpp"

#include <algorithm>
#include <cstdlib>

#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/kernels/device.hpp"
#include "host.hpp"
#include "version.hpp"

namespace ditmesh {

namespace {

constexpr const char* kVariables[] = {"OMPI_COMM_WORLD_SIZE",  "PMIX_RANK",           "SLURM_JOB_ID",
                                      "SLURM_JOB_NODELIST",    "SLURM_JOB_NUM_NODES", "SLURM_NTASKS",
                                      "SLURM_NTASKS_PER_NODE", "SLURM_STEP_ID",       "SLURM_STEP_NUM_TASKS",
                                      "SLURM_GPUS_ON_NODE",    "SLURM_JOB_END_TIME",  "SLURM_JOB_PARTITION",
                                      "SLURM_RESTART_COUNT",   "SLURM_PROCID"};

int64_t number_of(const LauncherEnvironment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? 0 : parse_int(found->second).value_or(0);
}

}  // namespace

std::string RankFacts::to_text() const {
  return Json{{"rank", rank},
              {"host", host},
              {"node_rank", node_rank},
              {"node_size", node_size},
              {"versions", versions},
              {"cores", cores},
              {"num_host_cores", num_host_cores},
              {"memory_bytes", memory_bytes},
              {"shared_memory_bytes", shared_memory_bytes},
              {"max_open_files", max_open_files},
              {"has_cuda_library", has_cuda_library},
              {"num_host_gpus", num_host_gpus},
              {"driver", driver},
              {"device_model", device.model},
              {"device_free_bytes", device.free_bytes},
              {"device_total_bytes", device.total_bytes},
              {"visible_devices", visible_devices}}
      .dump();
}

RankFacts RankFacts::from_text(const std::string& text) {
  const Json json = Json::parse(text);
  RankFacts facts;
  json.at("rank").get_to(facts.rank);
  json.at("host").get_to(facts.host);
  json.at("node_rank").get_to(facts.node_rank);
  json.at("node_size").get_to(facts.node_size);
  json.at("versions").get_to(facts.versions);
  json.at("cores").get_to(facts.cores);
  json.at("num_host_cores").get_to(facts.num_host_cores);
  json.at("memory_bytes").get_to(facts.memory_bytes);
  json.at("shared_memory_bytes").get_to(facts.shared_memory_bytes);
  json.at("max_open_files").get_to(facts.max_open_files);
  json.at("has_cuda_library").get_to(facts.has_cuda_library);
  json.at("num_host_gpus").get_to(facts.num_host_gpus);
  json.at("driver").get_to(facts.driver);
  json.at("device_model").get_to(facts.device.model);
  json.at("device_free_bytes").get_to(facts.device.free_bytes);
  json.at("device_total_bytes").get_to(facts.device.total_bytes);
  json.at("visible_devices").get_to(facts.visible_devices);
  return facts;
}

RankFacts collect_facts(const MpiSession& mpi, const std::optional<AssignedDevice>& device) {
  RankFacts facts;
  facts.rank = mpi.rank();
  facts.host = MpiSession::host_name();
  facts.node_rank = mpi.node_rank();
  facts.node_size = mpi.node_size();
  facts.versions = build_versions();
  facts.cores = bound_cores();
  facts.num_host_cores = num_host_cores();
  facts.memory_bytes = available_memory_bytes();
  facts.shared_memory_bytes = free_shared_memory_bytes();
  facts.max_open_files = max_open_files();
  facts.has_cuda_library = has_cuda_library();
  facts.num_host_gpus = num_host_gpus();
  facts.driver = gpu_driver_version();
  if (device) {
    facts.device.model = gpu_model(device->bus_id);
    if (device->ordinal < num_cuda_devices()) {  // not one that a test plays
      const DeviceMemory memory =
          memory_of(at::Device(at::kCUDA, static_cast<at::DeviceIndex>(device->ordinal)));
      facts.device.free_bytes = memory.free_bytes;
      facts.device.total_bytes = memory.total_bytes;
    }
  }
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  facts.visible_devices = visible != nullptr ? visible : "(not set)";
  return facts;
}

LauncherEnvironment launcher_environment() {
  LauncherEnvironment environment;
  for (const char* name : kVariables) {
    if (const char* value = std::getenv(name)) environment[name] = value;
  }
  return environment;
}

int64_t num_started(const LauncherEnvironment& environment) {
  return std::max(number_of(environment, "OMPI_COMM_WORLD_SIZE"),
                  number_of(environment, "SLURM_STEP_NUM_TASKS"));
}

Launch launch_of(const LauncherEnvironment& environment, int num_ranks) {
  return {num_ranks, static_cast<int>(number_of(environment, "SLURM_STEP_NUM_TASKS")),
          static_cast<int>(number_of(environment, "SLURM_PROCID")),
          environment.contains("OMPI_COMM_WORLD_SIZE")};
}

}  // namespace ditmesh
