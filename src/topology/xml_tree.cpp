#include "xml_tree.hpp"

#include <algorithm>
#include <map>
#include <pugixml.hpp>
#include <set>

#include "ditmesh/topology/bus_id.hpp"
#include "core_set.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/looks_like.hpp"
#include "ditmesh/topology/typical_links.hpp"
#include "unique_names.hpp"
#include "xml_root.hpp"

namespace ditmesh {

namespace {

constexpr int kPciBridge = 0x0604;
constexpr int kDeepest = 64;  // of pci elements; real machines have 4

std::string attribute(const pugi::xml_node& node, const char* key) { return node.attribute(key).value(); }

std::optional<int64_t> integer(const pugi::xml_node& node, const char* key) {
  return parse_int(trim(node.attribute(key).value()));
}

Link link_of(const pugi::xml_node& pci) {
  return pcie_link(pci.attribute("link_speed").value(), pci.attribute("link_width").value());
}

class TreeReader {
 public:
  TreeReader(const std::string& name, std::vector<std::string>& remarks) : name_(name), remarks_(remarks) {}

  XmlTree read(const pugi::xml_node& system) {
    if (attribute(system, "version") != "1") {
      remarks_.push_back(cat("The system element has the version '", attribute(system, "version"),
                             "': it was read as version 1."));
    }
    choose_host(system);
    for (const pugi::xml_node& child : system.children()) {
      const std::string_view element = child.name();
      if (element == "cpu" && is_of_host(child)) read_cpu(child);
      if (element != "cpu") read_child(child, nullptr, -1, 0);
    }
    add_remarks();
    return std::move(tree_);
  }

 private:
  // A dump of several hosts that share NVSwitches holds the cpu elements of all of them.
  void choose_host(const pugi::xml_node& system) {
    std::vector<std::string> hosts;
    for (const pugi::xml_node& cpu : system.children("cpu")) {
      const std::string host = attribute(cpu, "host_hash");
      if (!host.empty() && std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
    }
    if (hosts.empty()) return;
    host_ = hosts.front();
    if (hosts.size() > 1) {
      remarks_.push_back(
          cat("The file describes ", hosts.size(), " hosts: the first, of host_hash ", host_, ", was read."));
    }
  }

  bool is_of_host(const pugi::xml_node& cpu) const {
    return host_.empty() || !cpu.attribute("host_hash") || attribute(cpu, "host_hash") == host_;
  }

  void read_cpu(const pugi::xml_node& cpu) {
    const auto id = integer(cpu, "numaid");
    const bool known = id && *id >= 0 && *id < 65536;
    Place domain{.name = known ? cat("numa", *id) : "numa-unnamed",
                 .numa_id = known ? static_cast<int>(*id) : -1};
    read_affinity(attribute(cpu, "affinity"), domain);
    const int place = add_place(std::move(domain));
    for (const pugi::xml_node& child : cpu.children()) read_child(child, nullptr, place, 0);
  }

  void read_affinity(const std::string& mask, Place& domain) {
    if (mask.empty()) return;
    const auto cores = parse_core_mask(mask);
    if (!cores) {
      remarks_.push_back(cat("The affinity of ", domain.name, ", '", mask.substr(0, 80),
                             "', is no mask in words of 8 hexadecimal digits: it was not used."));
      return;
    }
    domain.cores = *cores;
    if (mask_digits_ == 0) mask_digits_ = mask.size();
    if (mask.size() != mask_digits_) {
      remarks_.push_back(cat("The affinity of ", domain.name, " has another number of digits than that of ",
                             tree_.places.front().name, ": one may be wrong."));
    }
    for (const int core : *cores) {
      const auto [first, is_new] = domain_of_core_.emplace(core, domain.name);
      if (!is_new) shared_cores_.insert(cat(first->second, " and ", domain.name));
    }
  }

  // `pci`: the innermost that holds the element; `place`: where it stands, -1 outside of any cpu element.
  void read_child(const pugi::xml_node& child, const XmlPci* pci, int place, int depth) {
    const std::string_view element = child.name();
    if (depth > kDeepest) {
      throw ConfigError(cat(name_, ": pci elements stand deeper than ", kDeepest, " in each other"),
                        "the file is no topology of a machine, dump it again");
    }
    if (element == "pci") read_pci(child, place_or_unnamed(place), depth);
    if (element == "gpu") read_gpu(child, pci, place_or_unnamed(place));
    if (element == "net") read_net(child, pci, place_or_unnamed(place));
    if (element == "nic") {
      for (const pugi::xml_node& net : child.children("net")) read_net(net, pci, place_or_unnamed(place));
    }
  }

  int place_or_unnamed(int place) {
    if (place != -1) return place;
    if (unnamed_ == -1) {
      unnamed_ = add_place({.name = "numa-unnamed"});
      remarks_.push_back("Some elements stand in no cpu element: they were put into an unnamed NUMA domain.");
    }
    return unnamed_;
  }

  void read_pci(const pugi::xml_node& node, int place, int depth) {
    XmlPci pci{.bus_id = canonical_bus_id(attribute(node, "busid")),
               .pci_class = parse_hex(attribute(node, "class")),
               .vendor = parse_hex(attribute(node, "vendor")),
               .device = to_lower_ascii(trim(attribute(node, "device"))),
               .link = link_of(node)};
    tree_.has_classes = tree_.has_classes || pci.pci_class >= 0;
    if (depth == 0) {
      // NCCL leaves host bridges out. Each PCI tree of a CPU begins at one of its own.
      place =
          add_place({.name = cat("bridge-", pci.bus_id), .kind = PlaceKind::host_bridge, .parent = place});
    }
    const bool is_switch = pci.pci_class >> 8 == kPciBridge || node.child("pci");
    if (is_switch) {
      place = add_place({.name = cat("switch-", pci.bus_id),
                         .kind = PlaceKind::pcie_switch,
                         .parent = place,
                         .uplink = pci.link});
    }
    pci.place = place;
    if (!is_switch) tree_.leaves.push_back(pci);
    for (const pugi::xml_node& child : node.children()) read_child(child, &pci, place, depth + 1);
  }

  void read_gpu(const pugi::xml_node& node, const XmlPci* pci, int place) {
    XmlGpu gpu{.pci = pci ? *pci : XmlPci{.place = place}, .number = integer(node, "dev")};
    for (const pugi::xml_node& link : node.children("nvlink")) {
      constexpr int64_t kMostLinks = 1000;
      const auto count = integer(link, "count");
      const bool valid = count && *count >= 1 && *count <= kMostLinks;
      if (valid) {
        gpu.nvlinks.push_back(
            {attribute(link, "target"), static_cast<int>(*count), parse_hex(attribute(link, "tclass"))});
      } else {
        wrong_counts_.insert(attribute(link, "count").substr(0, 20));
      }
    }
    gpu.has_c2c = !node.child("c2c").empty();
    gpu.has_xgmi = !node.child("xgmi").empty();
    tree_.gpus.push_back(std::move(gpu));
  }

  void read_net(const pugi::xml_node& node, const XmlPci* pci, int place) {
    constexpr double kBytesPerMegabit = 1e6 / 8;
    const auto megabits_per_s = parse_double(trim(attribute(node, "speed")));
    const auto latency_us = parse_double(trim(attribute(node, "latency")));
    tree_.nets.push_back(
        {.pci = pci ? *pci : XmlPci{.place = place},
         .name = std::string(trim(attribute(node, "name"))),
         .port = std::string(trim(attribute(node, "port"))),
         .bytes_per_s = megabits_per_s ? std::max(0.0, *megabits_per_s * kBytesPerMegabit) : 0,
         .latency_s = latency_us ? std::max(0.0, *latency_us * 1e-6) : 0,
         .gpu_direct = integer(node, "gdr").value_or(0) > 0});
  }

  int add_place(Place place) {
    place.name = place_names_.take(place.name);
    tree_.places.push_back(std::move(place));
    return static_cast<int>(tree_.places.size()) - 1;
  }

  void add_remarks() {
    for (const std::string& both : shared_cores_) {
      remarks_.push_back(cat("The affinities of ", both, " have cores in common."));
    }
    if (!wrong_counts_.empty()) {
      remarks_.push_back(cat("NVLinks with the count '", join(wrong_counts_, "', '"), "' were left out."));
    }
  }

  const std::string& name_;
  std::vector<std::string>& remarks_;
  XmlTree tree_{};
  std::string host_{};
  int unnamed_ = -1;
  size_t mask_digits_ = 0;
  UniqueNames place_names_{};
  std::map<int, std::string> domain_of_core_{};
  std::set<std::string> shared_cores_{};
  std::set<std::string> wrong_counts_{};
};

void check_parsed(const pugi::xml_parse_result& parsed, std::string_view text, const std::string& name) {
  if (parsed) return;
  const auto end = std::min(static_cast<size_t>(std::max<std::ptrdiff_t>(parsed.offset, 0)), text.size());
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n') + 1;
  const bool at_end = trim(text.substr(end)).empty();
  throw ConfigError(cat(name, ": line ", line, ": ",
                        at_end ? "the XML ends inside an element" : to_lower_ascii(parsed.description())),
                    "the file is cut or damaged, dump or fetch it again");
}

}  // namespace

XmlTree read_xml_tree(std::string_view text, const std::string& name, std::vector<std::string>& remarks) {
  if (xml_root(text) != "system") {
    throw ConfigError(cat(name, " is not an NCCL topology (XML): it looks like ", looks_like(text)),
                      "have NCCL write one with NCCL_TOPO_DUMP_FILE=topology.xml");
  }
  pugi::xml_document document;
  check_parsed(document.load_buffer(text.data(), text.size()), text, name);
  const auto systems = document.children("system");
  const auto count = std::distance(systems.begin(), systems.end());
  if (count != 1) {
    throw ConfigError(cat(name, " holds ", counted(count, "system element")),
                      "give the topology of one node");
  }
  return TreeReader(name, remarks).read(document.child("system"));
}

}  // namespace ditmesh
