#include "ditmesh/discovery/host_tree.hpp"

#include <hwloc.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/bus_id.hpp"

namespace ditmesh {

namespace {

constexpr unsigned kDisplay = 0x03;
constexpr unsigned kNetwork = 0x02;
constexpr unsigned kAccelerator = 0x12;

struct TopologyDeleter {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using TopologyOwner = std::unique_ptr<hwloc_topology, TopologyDeleter>;

void check_hwloc(int result, const char* call) {
  if (result != 0) {
    throw EnvironmentError(cat("hwloc cannot describe this host: ", call, " returned ", result),
                           "look at what lstopo says here");
  }
}

TopologyOwner load(const std::string& xml) {
  hwloc_topology_t raw = nullptr;
  check_hwloc(hwloc_topology_init(&raw), "hwloc_topology_init");
  TopologyOwner topology(raw);
  if (!xml.empty()) {
    check_hwloc(hwloc_topology_set_xmlbuffer(raw, xml.c_str(), static_cast<int>(xml.size() + 1)),
                "hwloc_topology_set_xmlbuffer");
  }
  check_hwloc(hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_IMPORTANT),
              "hwloc_topology_set_io_types_filter");
  check_hwloc(hwloc_topology_set_type_filter(raw, HWLOC_OBJ_BRIDGE, HWLOC_TYPE_FILTER_KEEP_ALL),
              "hwloc_topology_set_type_filter");
  check_hwloc(hwloc_topology_load(raw), "hwloc_topology_load");
  return topology;
}

std::vector<int> members(hwloc_const_bitmap_t set) {
  std::vector<int> numbers;
  for (int i = hwloc_bitmap_first(set); i != -1; i = hwloc_bitmap_next(set, i)) numbers.push_back(i);
  return numbers;
}

std::string address_of(const hwloc_obj_attr_u::hwloc_pcidev_attr_s& pci) {
  return bus_id_of(static_cast<unsigned>(pci.domain), pci.bus, pci.dev, pci.func);
}

// Whether a rank or a link may have to do with it.
bool is_of_interest(hwloc_obj_t object) {
  const unsigned base = object->attr->pcidev.class_id >> 8;
  return base == kDisplay || base == kNetwork || base == kAccelerator;
}

class TreeReader {
 public:
  explicit TreeReader(hwloc_topology_t topology) : topology_(topology) {}

  HostTree read() {
    add_domains();
    for (hwloc_obj_t bridge = nullptr; (bridge = hwloc_get_next_bridge(topology_, bridge)) != nullptr;) {
      const bool is_root = bridge->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_HOST;
      if (is_root && leads_somewhere(bridge)) add_bridge(bridge, domain_of(bridge));
    }
    // Where hwloc was told to leave bridges out, functions hang in the tree of cores.
    for (hwloc_obj_t device = nullptr; (device = hwloc_get_next_pcidev(topology_, device)) != nullptr;) {
      if (is_of_interest(device) && tree_.find(address_of(device->attr->pcidev)) == nullptr)
        add_function(device, domain_of(device));
    }
    tree_.memory_bytes = hwloc_get_root_obj(topology_)->total_memory;
    return std::move(tree_);
  }

 private:
  void add_domains() {
    const int count = hwloc_get_nbobjs_by_type(topology_, HWLOC_OBJ_NUMANODE);
    for (int i = 0; i < count; ++i) {
      const hwloc_obj_t domain =
          hwloc_get_obj_by_type(topology_, HWLOC_OBJ_NUMANODE, static_cast<unsigned>(i));
      Place place;
      place.name = cat("numa", domain->os_index);
      place.numa_id = static_cast<int>(domain->os_index);
      place.cores = members(domain->cpuset);
      // Memory without cores (HBM of a GPU, CXL) is no place for ranks or bridges.
      if (place.cores.empty()) continue;
      add_cores(domain->cpuset);
      index_of_domain_[domain->os_index] = static_cast<int>(tree_.places.size());
      tree_.places.push_back(std::move(place));
    }
  }

  // The first hardware thread of each core stands for it. Called before its domain is added.
  void add_cores(hwloc_const_cpuset_t set) {
    const int place = static_cast<int>(tree_.places.size());
    const int count = hwloc_get_nbobjs_inside_cpuset_by_type(topology_, set, HWLOC_OBJ_CORE);
    for (int i = 0; i < count; ++i) {
      const hwloc_obj_t core =
          hwloc_get_obj_inside_cpuset_by_type(topology_, set, HWLOC_OBJ_CORE, static_cast<unsigned>(i));
      tree_.cores.push_back({hwloc_bitmap_first(core->cpuset), place, members(core->cpuset)});
    }
    for (int thread = count > 0 ? -1 : hwloc_bitmap_first(set); thread != -1;
         thread = hwloc_bitmap_next(set, thread)) {
      tree_.cores.push_back({thread, place, {thread}});  // hwloc sees no cores in some virtual machines
    }
  }

  // Of several the first: a bridge of a socket with sub-domains.
  int domain_of(hwloc_obj_t object) const {
    const hwloc_obj_t host = hwloc_get_non_io_ancestor_obj(topology_, object);
    for (const int domain : members(host->nodeset)) {
      const auto found = index_of_domain_.find(static_cast<unsigned>(domain));
      if (found != index_of_domain_.end()) return found->second;
    }
    return -1;
  }

  static bool leads_somewhere(hwloc_obj_t object) {
    if (object->type == HWLOC_OBJ_PCI_DEVICE) return is_of_interest(object);
    for (hwloc_obj_t child = object->io_first_child; child != nullptr; child = child->next_sibling) {
      if (leads_somewhere(child)) return true;
    }
    return false;
  }

  void add_bridge(hwloc_obj_t bridge, int parent) {
    std::set<std::string> ways;  // functions of one device are one
    for (hwloc_obj_t child = bridge->io_first_child; child != nullptr; child = child->next_sibling) {
      const bool is_device = child->type == HWLOC_OBJ_PCI_DEVICE;
      const std::string id = address_of(is_device ? child->attr->pcidev : child->attr->bridge.upstream.pci);
      if (leads_somewhere(child)) ways.insert(id.substr(0, is_device ? id.find('.') : id.size()));
    }
    const bool is_root = bridge->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_HOST;
    int here = parent;
    if (is_root || ways.size() > 1) {
      Place place;
      place.kind = is_root ? PlaceKind::host_bridge : PlaceKind::pcie_switch;
      place.name = is_root ? cat("bridge", num_bridges_++) : cat("switch", num_switches_++);
      place.parent = parent;
      if (parent == -1) {  // a host without NUMA: all is one domain
        place.kind = PlaceKind::numa;
      }
      here = static_cast<int>(tree_.places.size());
      tree_.places.push_back(std::move(place));
    }
    for (hwloc_obj_t child = bridge->io_first_child; child != nullptr; child = child->next_sibling) {
      if (child->type == HWLOC_OBJ_PCI_DEVICE) {
        if (is_of_interest(child)) add_function(child, here);
      } else if (leads_somewhere(child)) {
        add_bridge(child, here);
      }
    }
  }

  void add_function(hwloc_obj_t object, int place) {
    const auto& pci = object->attr->pcidev;
    tree_.functions.push_back({address_of(pci), pci.vendor_id, pci.device_id, pci.class_id, place});
  }

  hwloc_topology_t topology_;
  HostTree tree_;
  std::map<unsigned, int> index_of_domain_;
  int num_bridges_ = 0;
  int num_switches_ = 0;
};

}  // namespace

const PciFunction* HostTree::find(const std::string& bus_id) const {
  const auto found = std::find_if(functions.begin(), functions.end(),
                                  [&](const PciFunction& each) { return each.bus_id == bus_id; });
  return found == functions.end() ? nullptr : &*found;
}

std::vector<std::vector<int>> numa_domains(const HostTree& tree) {
  std::map<int, std::vector<int>> threads;  // by place
  for (const HostTree::Core& core : tree.cores)
    threads[core.place].insert(threads[core.place].end(), core.threads.begin(), core.threads.end());
  std::vector<std::vector<int>> domains;
  for (const auto& [place, cores] : threads) domains.push_back(cores);
  return domains;
}

HostTree read_host_tree(const std::string& hwloc_xml) {
  const TopologyOwner topology = load(hwloc_xml);
  return TreeReader(topology.get()).read();
}

}  // namespace ditmesh
