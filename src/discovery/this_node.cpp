#include "ditmesh/discovery/this_node.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/typical_links.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

// What programs reach of a network link's signalled rate.
constexpr double kNetworkShare = 0.96;

// Its fastest: idle GPUs slow their links down.
Link pcie_of(const fs::path& sysfs, const std::string& bus_id) {
  const fs::path function = sysfs / "bus/pci/devices" / bus_id;
  return pcie_link(first_line(function / "max_link_speed"), first_line(function / "max_link_width"));
}

// One that has but a name and memory.
DeviceModel undescribed_model(const NvmlGpu& gpu) {
  DeviceModel unknown;
  for (const char letter : gpu.name) {
    unknown.name +=
        std::isalnum(static_cast<unsigned char>(letter)) != 0 ? static_cast<char>(std::tolower(letter)) : '-';
  }
  unknown.also_called = {gpu.name};
  unknown.pci_ids = {gpu.pci_id};
  unknown.memory_bytes = std::max<uint64_t>(gpu.memory_bytes, 1);
  return unknown;
}

class NodeBuilder {
 public:
  NodeBuilder(const HostTree& tree, const fs::path& sysfs, const std::string& host)
      : tree_(tree), sysfs_(sysfs) {
    type_.name = host;
    type_.places = tree.places;
    found_.cluster.name = host;
  }

  void add_gpus(const std::vector<NvmlGpu>& gpus) {
    for (const NvmlGpu& gpu : gpus) {
      const auto known = recognise_device_model(gpu.name, gpu.pci_id);
      DeviceModel model = known ? *known : undescribed_model(gpu);
      if (known && gpu.memory_bytes > 0) model.memory_bytes = gpu.memory_bytes;  // NVML knows it better
      if (!known) {
        found_.remarks.push_back(
            cat("nothing is known of the speed of ", gpu.name, ": describe it, or measure it"));
      }
      found_.cluster.models.emplace(model.name, model);
      Device device;
      device.name = cat("gpu", type_.devices.size());
      device.model = model.name;
      device.bus_id = gpu.bus_id;
      device.pci_id = gpu.pci_id;
      device.place = place_of(gpu.bus_id);
      device.pcie = pcie_of(sysfs_, gpu.bus_id);
      if (!gpu.fault.empty()) {
        node_.unhealthy.push_back(static_cast<int>(type_.devices.size()));
        found_.remarks.push_back(cat(device.name, " (", gpu.bus_id, ") should not be used: ", gpu.fault));
      }
      type_.devices.push_back(std::move(device));
    }
    add_nvlinks(gpus);
  }

  void add_cores() {
    DeviceModel core = find_device_model("cpu-core");
    std::vector<HostTree::Core> cores = tree_.cores;
    std::sort(cores.begin(), cores.end(), [](const auto& a, const auto& b) { return a.thread < b.thread; });
    if (tree_.memory_bytes > 0 && !cores.empty()) core.memory_bytes = tree_.memory_bytes / cores.size();
    found_.cluster.models.emplace(core.name, core);
    for (const HostTree::Core& each : cores) {
      type_.devices.push_back({.name = cat("cpu", each.thread), .model = core.name, .place = each.place});
    }
  }

  void add_nics(const std::vector<FoundNic>& nics) {
    for (const FoundNic& found : nics) {
      Nic nic;
      nic.name = found.name;
      nic.bus_id = found.bus_id;
      nic.kind = found.kind;
      nic.place = place_of(found.bus_id);
      nic.link.bytes_per_s = found.bytes_per_s * kNetworkShare;
      type_.nics.push_back(std::move(nic));
    }
  }

  TopologyReading finish() {
    node_.name = found_.cluster.name;
    node_.leaves.assign(type_.nics.size(), -1);
    found_.cluster.types = {std::move(type_)};
    found_.cluster.nodes = {std::move(node_)};
    check_cluster(found_.cluster);
    return std::move(found_);
  }

 private:
  int place_of(const std::string& bus_id) const {
    const PciFunction* function = bus_id.empty() ? nullptr : tree_.find(bus_id);
    return function == nullptr ? -1 : function->place;
  }

  void add_nvlinks(const std::vector<NvmlGpu>& gpus) {
    std::map<std::string, int> index;
    for (size_t i = 0; i < gpus.size(); ++i) index[gpus[i].bus_id] = static_cast<int>(i);
    std::map<std::pair<int, int>, int> pairs;
    for (size_t i = 0; i < gpus.size(); ++i) {
      for (const NvmlLink& link : gpus[i].nvlinks) {
        if (link.to == NvmlLink::To::nvswitch) {
          ++type_.devices[i].nvswitch_links;
        } else if (const auto other = index.find(link.bus_id);
                   other != index.end() && static_cast<int>(i) < other->second) {
          ++pairs[{static_cast<int>(i), other->second}];
        }
      }
    }
    for (const auto& [ends, links] : pairs) type_.nvlinks.push_back({ends.first, ends.second, links});
  }

  const HostTree& tree_;
  const fs::path& sysfs_;
  TopologyReading found_;
  NodeType type_;
  Node node_;
};

}  // namespace

TopologyReading cluster_of(const HostTree& tree, const std::vector<NvmlGpu>& gpus,
                           const std::vector<FoundNic>& nics, const fs::path& sysfs,
                           const std::string& host) {
  NodeBuilder builder(tree, sysfs, host);
  if (gpus.empty()) {
    builder.add_cores();
  } else {
    builder.add_gpus(gpus);
  }
  builder.add_nics(nics);
  return builder.finish();
}

TopologyReading discover_this_node(const std::string& host, const std::vector<NvmlGpu>& gpus) {
  return cluster_of(read_host_tree(), gpus, find_nics("/sys"), "/sys", host);
}

TopologyReading discover_this_node(const std::string& host) {
  std::string problem;
  const std::vector<NvmlGpu> gpus = read_nvml(problem);
  TopologyReading reading = discover_this_node(host, gpus);
  if (!problem.empty()) reading.remarks.push_back(problem);
  return reading;
}

}  // namespace ditmesh
