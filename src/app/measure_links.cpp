#include "measure_links.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/comm_mpi/link_timing.hpp"
#include "ditmesh/kernels/copy_timing.hpp"
#include "ditmesh/kernels/device.hpp"
#include "ditmesh/topology/cpu_list.hpp"
#include "ditmesh/topology/measurements.hpp"
#include "ditmesh/topology/route.hpp"
#include "host.hpp"
#include "job_start.hpp"
#include "rank_device.hpp"

namespace ditmesh {

namespace {

Json to_json(const Spread& spread) { return {spread.least, spread.median, spread.most}; }

Spread spread_from(const Json& json) {
  return {json.at(0).get<double>(), json.at(1).get<double>(), json.at(2).get<double>()};
}

// Measurements on their way between ranks.
std::string to_text(const std::vector<Measurement>& measured) {
  Json json = Json::array();
  for (const Measurement& one : measured) {
    json.push_back(Json::array({one.from_node, one.to_node, one.from, one.to, one.way, one.by,
                                to_json(one.latency_s), to_json(one.bytes_per_s)}));
  }
  return json.dump();
}

void append(const std::string& text, std::vector<Measurement>& measured) {
  for (const Json& one : Json::parse(text)) {
    measured.push_back({one.at(0).get<int>(), one.at(1).get<int>(), one.at(2).get<std::string>(),
                        one.at(3).get<std::string>(), one.at(4).get<std::string>(),
                        one.at(5).get<std::string>(), spread_from(one.at(6)), spread_from(one.at(7))});
  }
}

class LinkMeasurer {
 public:
  LinkMeasurer(const MpiSession& mpi, const std::vector<std::string>& nodes, const Cluster& cluster)
      : mpi_(mpi), nodes_(nodes), cluster_(cluster), router_(cluster), world_(mpi.world()) {}

  std::vector<Measurement> measure(const Log& log) {
    JobStart start = gather_start(mpi_, true);
    take_own_devices(start);
    if (mpi_.rank() == 0) warn_of_crowds(start, log);
    if (!assigned_) {
      const std::vector<int> cores = bind_to_cores(start, 1, mpi_, log);
      if (!cores.empty()) bind_this_thread(cores);
    }
    for (const std::string& cores : mpi_.all_gather(cpu_list(bound_cores()))) cores_.push_back(cores);
    mpi_.activity().set("timing messages");
    for (const auto& round : measuring_rounds(nodes_)) {
      start_together();
      for (const auto& [a, b] : round) {
        if (mpi_.rank() == a) time_messages(a, b);
        if (mpi_.rank() == b) time_link(mpi_, a);
      }
    }
    if (assigned_) time_devices(start);
    std::vector<Measurement> all;
    for (const std::string& text : mpi_.all_gather(to_text(mine_))) append(text, all);
    return all;
  }

 private:
  // Waits without using a core that others measure on.
  void start_together() { world_->agree(0); }

  // A message waits until its receiver has a core again.
  static void warn_of_crowds(const JobStart& start, const Log& log) {
    std::map<std::string, std::pair<int64_t, std::set<int>>> nodes;  // ranks, and their cores together
    for (const RankStart& rank : start.ranks) {
      auto& [num_ranks, cores] = nodes[rank.node];
      ++num_ranks;
      cores.insert(rank.cores.begin(), rank.cores.end());
    }
    for (const auto& [node, crowd] : nodes) {
      const auto num_cores = static_cast<int64_t>(crowd.second.size());
      if (crowd.first <= num_cores) continue;
      log.warning(cat(crowd.first, " ranks share ", counted(num_cores, "core"), " of ", node,
                      ": the figures tell of their waiting for each other; start at most a rank per core"));
      return;
    }
  }

  // Ranks without one of their own measure no copies, so that nobody disturbs a GPU's link.
  void take_own_devices(const JobStart& start) {
    try {
      assigned_ = take_devices(start, "auto", true);
    } catch (const WrongStart& error) {
      throw AgreedError(ExitCode::environment, error.rule(), error.remedy());
    }
  }

  int node_of(int rank) const {
    const auto& all = cluster_.nodes;
    const auto found = std::find_if(all.begin(), all.end(), [&](const Node& node) {
      return node.name == nodes_[static_cast<size_t>(rank)];
    });
    if (found == all.end()) throw InternalError(cat("rank ", rank, " is on no node of the cluster"));
    return static_cast<int>(found - all.begin());
  }

  // The NUMA domains of a node that a rank may run on.
  std::set<size_t> domains_of(int rank) const {
    const auto& places = cluster_.type_of(cluster_.nodes[static_cast<size_t>(node_of(rank))]).places;
    const std::vector<int> cores = parse_cpu_list(cores_[static_cast<size_t>(rank)], "cores");
    std::set<size_t> domains;
    for (size_t place = 0; place < places.size(); ++place) {
      const std::vector<int>& its = places[place].cores;
      const bool is_there = std::any_of(cores.begin(), cores.end(), [&](int core) {
        return std::find(its.begin(), its.end(), core) != its.end();
      });
      if (is_there) domains.insert(place);
    }
    return domains;
  }

  Level level_between(int a, int b) const {
    if (node_of(a) == node_of(b)) {
      const std::set<size_t> of_a = domains_of(a);
      return of_a.size() == 1 && of_a == domains_of(b) ? Level::numa : Level::socket;
    }
    const auto leaf = [&](int rank) {
      const std::vector<int>& leaves = cluster_.nodes[static_cast<size_t>(node_of(rank))].leaves;
      const auto plugged = std::find_if(leaves.begin(), leaves.end(), [](int each) { return each != -1; });
      return plugged == leaves.end() ? -1 : *plugged;
    };
    return leaf(a) == leaf(b) && leaf(a) != -1 ? Level::leaf : Level::spine;
  }

  std::string memory_of_rank(int rank) const {
    return cat("rank ", rank, " (cores ", cores_[static_cast<size_t>(rank)], ")");
  }

  void time_messages(int a, int b) {
    const LinkTimes times = time_link(mpi_, b);
    mine_.push_back({node_of(a), node_of(b), memory_of_rank(a), memory_of_rank(b),
                     std::string(to_string(level_between(a, b))), "MPI", spread_of(times.latency_s),
                     spread_of(times.bytes_per_s)});
  }

  // Of the node's type, by its bus id; -1 if NVML did not show it.
  int device_index(const std::string& bus_id) const {
    const auto& devices = cluster_.type_of(cluster_.nodes[static_cast<size_t>(node_of(mpi_.rank()))]).devices;
    const auto found = std::find_if(devices.begin(), devices.end(),
                                    [&](const Device& device) { return device.bus_id == bus_id; });
    return found == devices.end() ? -1 : static_cast<int>(found - devices.begin());
  }

  std::string device_name(const std::string& bus_id) const {
    const int index = device_index(bus_id);
    if (index == -1) return bus_id;
    return cluster_.type_of(cluster_.nodes[static_cast<size_t>(node_of(mpi_.rank()))])
        .devices[static_cast<size_t>(index)]
        .name;
  }

  void time_copy(const at::Device& from, const at::Device& to, const std::string& from_name,
                 const std::string& to_name, std::string_view way) {
    const CopyTimes times = time_copies(from, to);
    const int node = node_of(mpi_.rank());
    mine_.push_back({node, node, from_name, to_name, std::string(way), "copy", spread_of(times.latency_s),
                     spread_of(times.bytes_per_s)});
  }

  void time_devices(const JobStart& start) {
    const auto rank = static_cast<size_t>(mpi_.rank());
    const AssignedDevice& mine = (*assigned_)[rank];
    const auto is_of_node = [&](size_t other) { return nodes_[other] == nodes_[rank]; };
    bool is_first_of_device = true;
    bool is_first_of_node = true;
    for (size_t other = 0; other < rank; ++other) {
      if (!is_of_node(other)) continue;
      is_first_of_node = false;
      if ((*assigned_)[other].bus_id == mine.bus_id) is_first_of_device = false;
    }
    const at::Device host(at::kCPU);
    const auto gpu = [](size_t ordinal) {
      return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(ordinal));
    };
    mpi_.activity().set("timing copies between host and device");
    start_together();
    if (is_first_of_device) {
      const auto ordinal = static_cast<size_t>(mine.ordinal);
      const std::string name = device_name(mine.bus_id);
      time_copy(host, gpu(ordinal), "pinned host memory", name, "host to device");
      time_copy(gpu(ordinal), host, name, "pinned host memory", "device to host");
    }
    mpi_.activity().set("timing copies between devices");
    start_together();
    if (!is_first_of_node) return;
    const std::vector<std::string>& visible = start.ranks[rank].visible;
    const int node = node_of(mpi_.rank());
    for (size_t a = 0; a < visible.size(); ++a) {
      for (size_t b = 0; b < visible.size(); ++b) {
        if (a == b) continue;
        const int from = device_index(visible[a]);
        const int to = device_index(visible[b]);
        const std::string_view way =
            from == -1 || to == -1 ? "device to device" : to_string(router_.level({node, from}, {node, to}));
        time_copy(gpu(a), gpu(b), device_name(visible[a]), device_name(visible[b]), way);
      }
    }
  }

  const MpiSession& mpi_;
  const std::vector<std::string>& nodes_;
  const Cluster& cluster_;
  Router router_;
  std::unique_ptr<Communicator> world_;
  std::optional<std::vector<AssignedDevice>> assigned_;
  std::vector<std::string> cores_;  // of each rank
  std::vector<Measurement> mine_;
};

}  // namespace

std::vector<Measurement> measure_links(const MpiSession& mpi, const std::vector<std::string>& nodes,
                                       const Cluster& cluster, const Log& log) {
  return LinkMeasurer(mpi, nodes, cluster).measure(log);
}

}  // namespace ditmesh
