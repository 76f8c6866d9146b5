#pragma once
// Which rank drives which device: one each, whatever order and distribution the launcher chose.

#include <optional>
#include <string>
#include <vector>

namespace ditmesh {

/// What a rank sees of its node.
struct RankStart {
  std::string node{};
  /// Bus ids of the devices it may use, by their number in this process: what CUDA_VISIBLE_DEVICES left over,
  /// in its order, whether it named numbers, UUIDs or nothing.
  std::vector<std::string> visible{};
  /// Cores it may run on, ascending.
  std::vector<int> cores{};
};

struct AssignedDevice {
  std::string bus_id;
  int ordinal = 0;  // its number in the rank's process

  bool operator==(const AssignedDevice&) const = default;
};

/// A device for each rank. On a node the ranks choose in their order, each the first of its devices that is
/// left; where that would leave one without, an earlier rank takes its next. With `share`, ranks that find
/// none left take turns. `unhealthy` are not used: "node bus_id".
///
///   all see g0 g1 g2 g3:    ranks 0 1 2 → g0 g1 g2
///   one GPU each:           rank 0 sees g2, rank 1 sees g0 → g2 g0
///   rank 0 sees g0 g1, rank 1 sees g0:  rank 0 → g1, rank 1 → g0
///
/// Throws EnvironmentError that names node, ranks and devices, and the right way to start.
std::vector<AssignedDevice> assign_devices(const std::vector<RankStart>& ranks, bool share,
                                           const std::vector<std::string>& unhealthy = {});

/// Cores for each rank of one node. Ranks that the launcher bound apart keep what they have; else the cores
/// they may use together are dealt out, in runs, and no rank gets cores of two NUMA domains if each domain
/// has as many cores as ranks that fall to it. `numa_domains`: the cores of each.
///
///   cores 0-3 | 4-7, 4 ranks, nobody bound → 0-1, 2-3, 4-5, 6-7
///   cores 0-3 | 4-7, 3 ranks              → 0-1, 2-3, 4-7
///
/// More ranks than cores: cores are shared.
std::vector<std::vector<int>> assign_cores(const std::vector<RankStart>& ranks,
                                           const std::vector<std::vector<int>>& numa_domains);

/// How this process was started.
struct Launch {
  int num_ranks = 1;        // of the MPI world
  int num_slurm_tasks = 0;  // SLURM_STEP_NUM_TASKS; 0: no srun
  int slurm_task = 0;       // SLURM_PROCID
  bool by_mpirun = false;
};

struct LaunchTrouble {
  std::string rule;
  std::string remedy;
};

/// srun started several processes that do not know of each other: each is a world of one.
std::optional<LaunchTrouble> trouble_of(const Launch& launch);

}  // namespace ditmesh
