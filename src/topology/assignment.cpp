#include "ditmesh/topology/assignment.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr int kFree = -1;

std::map<std::string, std::vector<int>> by_node(const std::vector<RankStart>& ranks) {
  std::map<std::string, std::vector<int>> nodes;
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    nodes[ranks[rank].node].push_back(static_cast<int>(rank));
  return nodes;
}

// The ranks of one node and the devices they see: a matching of each rank to a device of its own.
class NodeMatching {
 public:
  NodeMatching(const std::vector<RankStart>& ranks, std::string node, std::vector<int> members,
               const std::vector<std::string>& unhealthy)
      : ranks_(ranks), node_(std::move(node)), members_(std::move(members)) {
    for (const int rank : members_) {
      std::vector<std::string>& healthy = visible_[rank];
      for (const std::string& device : ranks[static_cast<size_t>(rank)].visible) {
        const bool is_broken =
            std::find(unhealthy.begin(), unhealthy.end(), cat(node_, " ", device)) != unhealthy.end();
        if (is_broken) {
          broken_.insert(device);
        } else {
          healthy.push_back(device);
          holder_.emplace(device, kFree);
        }
      }
    }
  }

  void match(bool share, std::vector<AssignedDevice>& assigned) {
    std::vector<int> left_over;
    for (const int rank : members_) {
      std::set<std::string> tried;
      if (visible_[rank].empty()) refuse_blind(rank);
      if (!find_device(rank, tried)) left_over.push_back(rank);
    }
    if (!left_over.empty() && !share) refuse(left_over.front());
    for (const auto& [device, rank] : holder_) {
      if (rank != kFree) assign(rank, device, assigned);
    }
    size_t turn = 0;
    for (const int rank : left_over) {
      const std::vector<std::string>& mine = visible_[rank];
      assign(rank, mine[turn++ % mine.size()], assigned);
    }
  }

 private:
  // Kuhn's algorithm: takes a free device, or one whose holder finds another.
  bool find_device(int rank, std::set<std::string>& tried) {
    for (const std::string& device : visible_[rank]) {
      if (holder_[device] == kFree) {
        holder_[device] = rank;
        return true;
      }
    }
    for (const std::string& device : visible_[rank]) {
      if (!tried.insert(device).second) continue;
      if (find_device(holder_[device], tried)) {
        holder_[device] = rank;
        return true;
      }
    }
    return false;
  }

  void assign(int rank, const std::string& device, std::vector<AssignedDevice>& assigned) const {
    const std::vector<std::string>& all = ranks_[static_cast<size_t>(rank)].visible;
    const auto at = std::find(all.begin(), all.end(), device) - all.begin();
    assigned[static_cast<size_t>(rank)] = {device, static_cast<int>(at)};
  }

  [[noreturn]] void refuse_blind(int rank) const {
    const std::vector<std::string>& seen = ranks_[static_cast<size_t>(rank)].visible;
    if (seen.empty()) {
      throw WrongStart(cat("rank ", rank, " on ", node_, " sees no GPU"),
                       "look at CUDA_VISIBLE_DEVICES there, or give --device cpu");
    }
    throw WrongStart(
        cat("rank ", rank, " on ", node_, " sees only GPUs that must not be used: ", join(seen, ", ")),
        "start no rank there, or mend them");
  }

  [[noreturn]] void refuse(int rank) const {
    const auto num_ranks = static_cast<int64_t>(members_.size());
    const auto num_devices = static_cast<int64_t>(holder_.size());
    if (num_ranks > num_devices) {
      throw WrongStart(
          cat(node_, " has ", counted(num_ranks, "rank"), " and ", counted(num_devices, "GPU"), " to be used",
              broken_.empty() ? std::string() : cat(" (not ", join(broken_, ", "), ")")),
          cat("start one rank for each GPU (mpirun --map-by ppr:", num_devices,
              ":node, srun --ntasks-per-node=", num_devices, "), or give --share-devices"));
    }
    throw WrongStart(
        cat("rank ", rank, " on ", node_, " finds no GPU of its own: it sees ", join(visible_.at(rank), ", "),
            ", which ranks need that see no other; the node has ", num_devices),
        "let every rank see another GPU, or all of them (srun --gpus-per-task=1; unset "
        "CUDA_VISIBLE_DEVICES), or give --share-devices");
  }

  const std::vector<RankStart>& ranks_;
  std::string node_;
  std::vector<int> members_;
  std::map<int, std::vector<std::string>> visible_;  // healthy ones
  std::map<std::string, int> holder_;
  std::set<std::string> broken_;
};

}  // namespace

std::vector<AssignedDevice> assign_devices(const std::vector<RankStart>& ranks, bool share,
                                           const std::vector<std::string>& unhealthy) {
  std::vector<AssignedDevice> assigned(ranks.size());
  for (const auto& [node, members] : by_node(ranks))
    NodeMatching(ranks, node, members, unhealthy).match(share, assigned);
  return assigned;
}

std::optional<LaunchTrouble> idle_devices(const std::vector<RankStart>& ranks,
                                          const std::vector<AssignedDevice>& assigned,
                                          const std::vector<std::string>& unhealthy) {
  std::optional<LaunchTrouble> told;
  int64_t num_nodes = 0;
  for (const auto& [node, members] : by_node(ranks)) {
    std::set<std::string> usable;
    std::set<std::string> used;
    for (const int rank : members) {
      used.insert(assigned[static_cast<size_t>(rank)].bus_id);
      for (const std::string& device : ranks[static_cast<size_t>(rank)].visible) {
        if (std::find(unhealthy.begin(), unhealthy.end(), cat(node, " ", device)) == unhealthy.end())
          usable.insert(device);
      }
    }
    if (used.size() >= usable.size() || ++num_nodes > 1) continue;
    const auto count = static_cast<int64_t>(usable.size());
    told = {cat(count - static_cast<int64_t>(used.size()), " of the ", counted(count, "GPU"), " of ", node,
                " have no rank"),
            cat("mpirun --map-by ppr:", count, ":node ditmesh …, or srun --ntasks-per-node=", count,
                ", uses all")};
  }
  if (num_nodes > 1) told->rule += cat(" (nor have some of ", counted(num_nodes - 1, "other node"), ")");
  return told;
}

std::vector<int> order_by_place(const std::vector<std::string>& nodes,
                                const std::vector<std::string>& devices) {
  std::map<std::string, size_t> first_rank;
  for (size_t rank = 0; rank < nodes.size(); ++rank) first_rank.emplace(nodes[rank], rank);
  std::vector<int> order(nodes.size());
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](int rank) {
    const std::string& device = devices[static_cast<size_t>(rank)];
    return std::tuple(first_rank.at(nodes[static_cast<size_t>(rank)]), device.size(), std::cref(device));
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const auto [node_a, size_a, text_a] = key(a);
    const auto [node_b, size_b, text_b] = key(b);
    return std::tie(node_a, size_a, text_a.get()) < std::tie(node_b, size_b, text_b.get());
  });
  return order;
}

std::optional<LaunchTrouble> trouble_of(const Launch& launch) {
  if (launch.num_ranks > 1 || launch.num_slurm_tasks <= 1 || launch.by_mpirun) return std::nullopt;
  return LaunchTrouble{cat("srun started ", launch.num_slurm_tasks,
                           " processes, and each is alone: MPI does not know of the others"),
                       cat("give srun the option --mpi=pmix (srun --mpi=pmix -n ", launch.num_slurm_tasks,
                           " ditmesh …; 'srun --mpi=list' shows what it can), or start with mpirun")};
}

}  // namespace ditmesh
