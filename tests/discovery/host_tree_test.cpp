#include "ditmesh/discovery/host_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cpu_list.hpp"

namespace ditmesh {
namespace {

// hwloc XML, written by hand in the fewest words that hwloc reads.
class HostXml {
 public:
  std::string open(const std::string& type, const std::string& attributes) {
    text_ += cat("<object type=\"", type, "\" gp_index=\"", ++next_, "\" ", attributes, ">\n");
    return {};
  }
  void close() { text_ += "</object>\n"; }
  void leaf(const std::string& type, const std::string& attributes) {
    open(type, attributes);
    close();
  }

  static std::string sets(const std::string& cpus, const std::string& nodes) {
    return cat("cpuset=\"", cpus, "\" complete_cpuset=\"", cpus, "\" nodeset=\"", nodes,
               "\" complete_nodeset=\"", nodes, "\"");
  }

  // A socket of two cores with its NUMA domain; stays open for its bridges.
  void open_socket(int index) {
    const std::string cpus = index == 0 ? "0x00000003" : "0x0000000c";
    const std::string node = index == 0 ? "0x00000001" : "0x00000002";
    open("Package", cat("os_index=\"", index, "\" ", sets(cpus, node)));
    leaf("NUMANode", cat("os_index=\"", index, "\" ", sets(cpus, node), " local_memory=\"1073741824\""));
    for (int core = 2 * index; core < 2 * index + 2; ++core) {
      const std::string cpu = cat("0x0000000", 1 << core);
      open("Core", cat("os_index=\"", core, "\" ", sets(cpu, node)));
      leaf("PU", cat("os_index=\"", core, "\" ", sets(cpu, node)));
      close();
    }
  }

  void open_host_bridge(const std::string& buses) {
    open("Bridge", cat("bridge_type=\"0-1\" depth=\"0\" bridge_pci=\"", buses, "\""));
  }
  void open_bridge(const std::string& bus_id, const std::string& buses) {
    open("Bridge", cat("bridge_type=\"1-1\" depth=\"1\" bridge_pci=\"", buses, "\" pci_busid=\"", bus_id,
                       "\" pci_type=\"0604 [1000:c030] [0000:0000] 00\" pci_link_speed=\"31.5\""));
  }
  void function(const std::string& bus_id, const std::string& type) {
    leaf("PCIDev",
         cat("pci_busid=\"", bus_id, "\" pci_type=\"", type, " [0000:0000] a1\" pci_link_speed=\"31.5\""));
  }

  std::string finish() const {
    return cat(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology "
        "version=\"2.0\">\n",
        "<object type=\"Machine\" gp_index=\"1\" os_index=\"0\" ", sets("0x0000000f", "0x00000003"),
        " allowed_cpuset=\"0x0000000f\" allowed_nodeset=\"0x00000003\">\n", text_,
        "</object>\n</topology>\n");
  }

 private:
  std::string text_;
  int next_ = 1;
};

// "gpu@switch0@bridge0@numa0"
std::string drawn(const HostTree& tree) {
  std::vector<std::string> parts;
  for (const PciFunction& function : tree.functions) {
    std::string text = function.bus_id;
    for (int place = function.place; place != -1; place = tree.places[static_cast<size_t>(place)].parent) {
      text += "@" + tree.places[static_cast<size_t>(place)].name;
    }
    parts.push_back(text);
  }
  return join(parts, " ");
}

TEST(HostTree, FindsSwitchesAndPorts) {
  HostXml xml;
  xml.open_socket(0);
  xml.open_host_bridge("0000:[00-1f]");
  // Root port, upstream port, two downstream ports: a switch with a GPU and a NIC.
  xml.open_bridge("0000:00:01.0", "0000:[01-05]");
  xml.open_bridge("0000:01:00.0", "0000:[02-05]");
  xml.open_bridge("0000:02:00.0", "0000:[03-03]");
  xml.function("0000:03:00.0", "0302 [10de:2330]");
  xml.close();
  xml.open_bridge("0000:02:01.0", "0000:[04-04]");
  xml.function("0000:04:00.0", "0207 [15b3:1021]");
  xml.close();
  xml.close();
  xml.close();
  xml.function("0000:00:17.0", "0106 [8086:a182]");  // a disk: of no interest
  xml.close();
  xml.close();
  xml.open_socket(1);
  xml.open_host_bridge("0000:[80-9f]");
  xml.open_bridge("0000:80:01.0", "0000:[81-81]");
  xml.function("0000:81:00.0", "0302 [10de:2330]");
  xml.close();
  xml.close();
  xml.close();

  const HostTree tree = read_host_tree(xml.finish());
  EXPECT_EQ(
      drawn(tree),
      "0000:03:00.0@switch0@bridge0@numa0 0000:04:00.0@switch0@bridge0@numa0 0000:81:00.0@bridge1@numa1");
  EXPECT_EQ(cpu_list(tree.places[0].cores), "0-1");
  EXPECT_EQ(cpu_list(tree.places[1].cores), "2-3");
  EXPECT_EQ(tree.places[1].numa_id, 1);
  EXPECT_EQ(tree.find("0000:03:00.0")->vendor, 0x10de);
  EXPECT_EQ(tree.find("0000:03:00.0")->device, 0x2330);
  EXPECT_EQ(tree.find("0000:03:00.0")->device_class, 0x0302);
  EXPECT_EQ(tree.find("0000:00:17.0"), nullptr);
  EXPECT_EQ(tree.memory_bytes, uint64_t{2} << 30);
}

TEST(HostTree, OfThisHostHasItsCores) {
  const HostTree tree = read_host_tree();
  ASSERT_FALSE(tree.places.empty());
  EXPECT_EQ(tree.places[0].kind, PlaceKind::numa);
  EXPECT_FALSE(tree.places[0].cores.empty());
  EXPECT_GT(tree.memory_bytes, 0U);
}

}  // namespace
}  // namespace ditmesh
