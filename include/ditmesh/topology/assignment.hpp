#pragma once
// Which rank drives which device: one each, whatever order and distribution the launcher chose.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/error.hpp"

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

/// Ranks were started where they cannot all have a device.
class WrongStart : public EnvironmentError {
 public:
  WrongStart(const std::string& rule, const std::string& remedy)
      : EnvironmentError(rule, remedy), rule_(rule), remedy_(remedy) {}

  const std::string& rule() const { return rule_; }
  const std::string& remedy() const { return remedy_; }

 private:
  std::string rule_;
  std::string remedy_;
};

/// A device for each rank. On a node the ranks choose in their order, each the first of its devices that is
/// left; where that would leave one without, an earlier rank takes its next. With `share`, ranks that find
/// none left take turns. `unhealthy` are not used: "node bus_id".
///
///   all see g0 g1 g2 g3:    ranks 0 1 2 → g0 g1 g2
///   one GPU each:           rank 0 sees g2, rank 1 sees g0 → g2 g0
///   rank 0 sees g0 g1, rank 1 sees g0:  rank 0 → g1, rank 1 → g0
///
/// Throws WrongStart that names node, ranks and devices, and the right way to start.
std::vector<AssignedDevice> assign_devices(const std::vector<RankStart>& ranks, bool share,
                                           const std::vector<std::string>& unhealthy = {});

/// Cores for each rank of one node, ascending. Ranks that the launcher bound apart keep what they have; else
/// the cores that they may use together are dealt out, in runs, and no rank gets cores of two NUMA domains if
/// each domain has as many cores as ranks that fall to it. `numa_domains`: the cores of each, hardware
/// threads of one core side by side, so that ranks get whole ones.
///
///   cores 0-3 | 4-7, 4 ranks, nobody bound → 0-1, 2-3, 4-5, 6-7
///   cores 0-3 | 4-7, 3 ranks              → 0-1, 2-3, 4-7
///   the same, 2 ranks bound to 0-3, 2 to 4-7, in turns → 0-1, 4-5, 2-3, 6-7
///
/// More ranks than cores: cores are shared.
std::vector<std::vector<int>> assign_cores(const std::vector<RankStart>& ranks,
                                           const std::vector<std::vector<int>>& numa_domains);

/// What a rank computes on: its cores, where they are its alone; nothing where ranks share cores or the
/// launcher gave others: then the kernel sees to it better than a fixed core.
struct CoreBinding {
  std::vector<int> computing{};  // cores of the threads that compute
  std::vector<int> others{};     // of its other threads: all it may use of the NUMA domains of `computing`

  bool operator==(const CoreBinding&) const = default;
};

/// For all ranks of a job. `numa_domains`: of each node, as for assign_cores.
std::vector<std::optional<CoreBinding>> bind_ranks(
    const std::vector<RankStart>& ranks,
    const std::map<std::string, std::vector<std::vector<int>>>& numa_domains);

/// Ranks in the order of their places, not of their numbers: node after node as their first ranks come, on a
/// node by device. `devices`: texts whose longer ones come later, "cores 8-9" before "cores 10-11".
///   started in turns on nodes a and b: a:g0 b:g0 a:g1 b:g1 → ranks 0 2 1 3
std::vector<int> order_by_place(const std::vector<std::string>& nodes,
                                const std::vector<std::string>& devices);

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

/// Ranks that have fewer cores than the `threads` that each computes with; nothing if there are none.
std::optional<LaunchTrouble> short_of_cores(const std::vector<RankStart>& ranks,
                                            const std::vector<std::optional<CoreBinding>>& bindings,
                                            int threads);

/// Nodes whose devices are not all used; nothing where all are. `assigned` as assign_devices gave it.
std::optional<LaunchTrouble> idle_devices(const std::vector<RankStart>& ranks,
                                          const std::vector<AssignedDevice>& assigned,
                                          const std::vector<std::string>& unhealthy = {});

/// srun started several processes that do not know of each other: each is a world of one.
std::optional<LaunchTrouble> trouble_of(const Launch& launch);

}  // namespace ditmesh
