#pragma once
// What `ditmesh doctor` looks at on every rank.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/topology/assignment.hpp"

namespace ditmesh {

struct DeviceFacts {
  std::string model;
  uint64_t free_bytes = 0;
  uint64_t total_bytes = 0;
};

struct RankFacts {
  int rank = 0;
  std::string host;
  int node_rank = 0;
  int node_size = 1;
  std::string versions;    // build_versions()
  std::vector<int> cores;  // that it may run on
  int num_host_cores = 0;
  uint64_t memory_bytes = 0;         // available on the host or in the control group
  uint64_t shared_memory_bytes = 0;  // free in /dev/shm
  int64_t max_open_files = 0;
  bool has_cuda_library = false;  // built in
  int num_host_gpus = 0;          // that the host's driver runs
  std::string driver;             // its version
  DeviceFacts device;             // the one that generate would take; if there is one
  std::string visible_devices;    // CUDA_VISIBLE_DEVICES; "(not set)"

  std::string to_text() const;
  static RankFacts from_text(const std::string& text);
};

/// `device`: the one that generate would take.
RankFacts collect_facts(const MpiSession& mpi, const std::optional<AssignedDevice>& device);

/// What the launcher left in rank 0's environment: OMPI_*, PMIX_*, SLURM_* as far as they are looked at.
using LauncherEnvironment = std::map<std::string, std::string>;
LauncherEnvironment launcher_environment();
/// Processes that mpirun or srun started together, as far as it says so; else 0.
int64_t num_started(const LauncherEnvironment& environment);
Launch launch_of(const LauncherEnvironment& environment, int num_ranks);

}  // namespace ditmesh
