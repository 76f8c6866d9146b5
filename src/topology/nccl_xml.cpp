#include "ditmesh/topology/nccl_xml.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "ditmesh/topology/bus_id.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "nic_kind.hpp"
#include "xml_tree.hpp"

namespace ditmesh {

namespace {

constexpr int kNetworkClass = 0x02;
constexpr int kInfinibandClass = 0x0207;
constexpr int kDisplayClass = 0x03;
constexpr int kAmazon = 0x1d0f;
constexpr int kMellanox = 0x15b3;
constexpr int kAspeed = 0x1a03;  // the console of a server's management controller, a display too
constexpr int kMatrox = 0x102b;

int base_class(const XmlPci& pci) { return pci.pci_class < 0 ? -1 : pci.pci_class >> 16; }

// By number of digits first, so that 0010:… comes behind 000f:… and 10000:… behind both.
bool is_before(const XmlGpu& a, const XmlGpu& b) {
  return std::tuple(a.pci.bus_id.size(), a.pci.bus_id) < std::tuple(b.pci.bus_id.size(), b.pci.bus_id);
}

std::vector<XmlGpu> display_devices(const XmlTree& tree) {
  std::vector<XmlGpu> gpus;
  for (const XmlPci& pci : tree.leaves) {
    if (base_class(pci) != kDisplayClass || pci.vendor == kAspeed || pci.vendor == kMatrox) continue;
    gpus.push_back({.pci = pci});
  }
  return gpus;
}

// A GPU stands there once for each rank that shares it, and for each part of it.
std::vector<XmlGpu> without_repeats(const std::vector<XmlGpu>& all, std::vector<std::string>& remarks) {
  std::vector<XmlGpu> gpus;
  std::set<std::string> seen;
  std::set<std::string> repeated;
  for (const XmlGpu& gpu : all) {
    if (gpu.pci.bus_id.empty() || seen.insert(gpu.pci.bus_id).second) {
      gpus.push_back(gpu);
    } else {
      repeated.insert(gpu.pci.bus_id);
    }
  }
  if (!repeated.empty()) {
    remarks.push_back(
        cat("The GPU ", join(repeated, ", "), " stands in the file more than once: the first was taken."));
  }
  return gpus;
}

void number_gpus(std::vector<XmlGpu>& gpus, bool from_elements, std::vector<std::string>& remarks) {
  std::set<int64_t> numbers;
  for (const XmlGpu& gpu : gpus) {
    if (gpu.number && *gpu.number >= 0) numbers.insert(*gpu.number);
  }
  if (numbers.size() == gpus.size()) {
    std::sort(gpus.begin(), gpus.end(),
              [](const XmlGpu& a, const XmlGpu& b) { return *a.number < *b.number; });
    return;
  }
  std::stable_sort(gpus.begin(), gpus.end(), is_before);
  for (size_t i = 0; i < gpus.size(); ++i) gpus[i].number = static_cast<int64_t>(i);
  if (from_elements) {
    remarks.push_back(
        "The attributes dev do not number the GPUs: they were numbered by their PCI addresses.");
  }
}

std::vector<XmlGpu> find_gpus(const XmlTree& tree, const std::string& name,
                              std::vector<std::string>& remarks) {
  const bool from_elements = !tree.gpus.empty();
  std::vector<XmlGpu> gpus = without_repeats(from_elements ? tree.gpus : display_devices(tree), remarks);
  if (gpus.empty()) {
    const bool all_known = std::all_of(tree.leaves.begin(), tree.leaves.end(),
                                       [](const XmlPci& pci) { return pci.pci_class >= 0; });
    if (!all_known) {
      throw ConfigError(cat(name,
                            " does not tell GPUs from NICs: its pci elements have no class, and there are no "
                            "gpu elements"),
                        "dump the topology on the machine with NCCL_TOPO_DUMP_FILE");
    }
    remarks.push_back("The file names no GPU.");
  }
  number_gpus(gpus, from_elements, remarks);
  return gpus;
}

NicKind kind_of(const XmlPci& pci, const std::string& name, bool gpu_direct) {
  if (pci.vendor == kAmazon) return NicKind::efa;
  if (const NicKind kind = nic_kind_of_name(name); kind != NicKind::unknown) return kind;
  // Some adapters show GPUs a function of another class for their traffic, whatever they are plugged into.
  if (base_class(pci) != kNetworkClass) return NicKind::unknown;
  if (pci.pci_class >> 8 == kInfinibandClass) return NicKind::infiniband;
  if (name.empty() && pci.vendor <= 0) return NicKind::unknown;  // a class alone: Ethernet, RoCE or more
  const bool rdma = gpu_direct || name.starts_with("mlx5") || pci.vendor == kMellanox;
  return rdma ? NicKind::roce : NicKind::ethernet;
}

std::vector<Nic> nics_of_nets(const std::vector<XmlNet>& nets, std::vector<std::string>& remarks) {
  std::map<std::string, std::set<std::string>> ports_of;
  for (const XmlNet& net : nets) ports_of[net.name].insert(net.port);
  std::vector<Nic> nics;
  std::set<std::string> names;
  std::set<std::string> repeated;
  for (const XmlNet& net : nets) {
    std::string name = net.name.empty() ? "net" : net.name;
    if (ports_of[net.name].size() > 1) name = cat(name, ":", net.port);
    if (!names.insert(name).second) {
      repeated.insert(name);
      continue;
    }
    nics.push_back({.name = name,
                    .bus_id = net.pci.bus_id,
                    .kind = kind_of(net.pci, net.name, net.gpu_direct),
                    .place = net.pci.place,
                    .link = {net.bytes_per_s, net.latency_s}});
  }
  if (!repeated.empty()) {
    remarks.push_back(
        cat("The NIC ", join(repeated, ", "), " stands in the file more than once: the first was taken."));
  }
  return nics;
}

std::vector<Nic> nics_of_classes(const XmlTree& tree) {
  std::vector<Nic> nics;
  for (const XmlPci& pci : tree.leaves) {
    if (base_class(pci) != kNetworkClass) continue;
    nics.push_back({.name = cat("nic", nics.size()),
                    .bus_id = pci.bus_id,
                    .kind = kind_of(pci, "", false),
                    .place = pci.place});
  }
  return nics;
}

// Bridges that a virtual machine or an adapter makes up say the slowest link there is.
void remark_slow_switches(const NodeType& type, std::vector<std::string>& remarks) {
  constexpr double kFar = 8;
  constexpr double kSlow_bytes_per_s = 2e9;  // one lane, where the device's own link is not known
  std::set<std::string> slow;
  for (const Device& device : type.devices) {
    const double limit = device.pcie.bytes_per_s > 0 ? device.pcie.bytes_per_s / kFar : kSlow_bytes_per_s;
    for (int at = device.place; at != -1; at = type.places[static_cast<size_t>(at)].parent) {
      const Place& place = type.places[static_cast<size_t>(at)];
      if (place.uplink.bytes_per_s > 0 && place.uplink.bytes_per_s < limit) slow.insert(place.name);
    }
  }
  if (slow.empty()) return;
  remarks.push_back(
      cat("The uplink of ", join(slow, ", "),
          " is said to be far slower than the devices below: such numbers are often made up, correct "
          "them before you plan with them."));
}

}  // namespace

NodeReading read_nccl_xml(std::string_view text, const std::string& name) {
  NodeReading reading;
  const XmlTree tree = read_xml_tree(text, name, reading.remarks);
  const std::vector<XmlGpu> gpus = find_gpus(tree, name, reading.remarks);
  reading.type.places = tree.places;
  for (const XmlGpu& gpu : gpus) {
    reading.type.devices.push_back({.name = cat("gpu", *gpu.number),
                                    .bus_id = gpu.pci.bus_id,
                                    .pci_id = gpu.pci.device,
                                    .place = gpu.pci.place,
                                    .pcie = gpu.pci.link});
  }
  reading.type.nics = tree.nets.empty() ? nics_of_classes(tree) : nics_of_nets(tree.nets, reading.remarks);
  add_xml_nvlinks(gpus, reading.type, reading.remarks);
  remark_slow_switches(reading.type, reading.remarks);
  return reading;
}

}  // namespace ditmesh
