#include "ditmesh/discovery/this_node.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

HostTree tree() {
  HostTree tree;
  tree.places = {{.name = "numa0", .numa_id = 0, .cores = {0, 2}},
                 {.name = "numa1", .numa_id = 1, .cores = {1, 3}},
                 {.name = "bridge0", .kind = PlaceKind::host_bridge, .parent = 1}};
  tree.functions = {{"0000:0f:00.0", 0x10de, 0x2330, 0x0302, 2}, {"0000:2d:00.0", 0x10de, 0x2330, 0x0302, 2}};
  tree.cores = {{0, 0, {0}}, {2, 0, {2}}, {1, 1, {1}}, {3, 1, {3}}};
  tree.memory_bytes = 8000;
  return tree;
}

NvmlGpu gpu(const std::string& bus_id, std::vector<NvmlLink> links) {
  return {.name = "NVIDIA H100 80GB HBM3",
          .uuid = "GPU-1",
          .bus_id = bus_id,
          .pci_id = "0x2330",
          .memory_bytes = 85'000'000'000,
          .nvlinks = std::move(links)};
}

TEST(ThisNode, HasItsGpus) {
  const testing::TemporaryFolder sysfs;
  sysfs.write("bus/pci/devices/0000:0f:00.0/max_link_speed", "32.0 GT/s PCIe\n");
  sysfs.write("bus/pci/devices/0000:0f:00.0/max_link_width", "16\n");
  const NvmlLink to_switch = {NvmlLink::To::nvswitch, "0000:05:00.0"};
  std::vector<NvmlGpu> gpus = {gpu("0000:0f:00.0", {to_switch, to_switch}),
                               gpu("0000:2d:00.0", {to_switch, {NvmlLink::To::gpu, "0000:0f:00.0"}})};
  gpus[1].fault = "a row of its memory could not be remapped";
  const TopologyReading reading =
      cluster_of(tree(), gpus, {{"mlx5_0", NicKind::infiniband, "0000:0c:00.0", 50e9}}, sysfs.path(), "n7");
  const NodeType& type = reading.cluster.types[0];
  EXPECT_EQ(reading.cluster.nodes[0].name, "n7");
  EXPECT_EQ(type.devices[0].name, "gpu0");
  EXPECT_EQ(type.devices[0].model, "h100-sxm");
  EXPECT_EQ(type.devices[0].place, 2);
  EXPECT_EQ(type.devices[0].nvswitch_links, 2);
  EXPECT_NEAR(type.devices[0].pcie.bytes_per_s, 54e9, 2e9);
  EXPECT_EQ(type.devices[1].pcie, Link{});  // sysfs does not say
  EXPECT_EQ(reading.cluster.models.at("h100-sxm").memory_bytes, 85'000'000'000U);
  EXPECT_THAT(reading.cluster.nodes[0].unhealthy, ElementsAre(1));
  EXPECT_THAT(
      reading.remarks,
      ElementsAre("gpu1 (0000:2d:00.0) should not be used: a row of its memory could not be remapped"));
  EXPECT_EQ(type.nics[0].link.bytes_per_s, 48e9);
}

TEST(ThisNode, CountsTheLinksOfAPairOnce) {
  const NvmlLink to_first = {NvmlLink::To::gpu, "0000:0f:00.0"};
  const NvmlLink to_second = {NvmlLink::To::gpu, "0000:2d:00.0"};
  const TopologyReading reading = cluster_of(
      tree(), {gpu("0000:0f:00.0", {to_second, to_second}), gpu("0000:2d:00.0", {to_first, to_first})}, {},
      "/nowhere", "n7");
  EXPECT_THAT(reading.cluster.types[0].nvlinks, ElementsAre(NvlinkPair{0, 1, 2}));
}

TEST(ThisNode, NamesGpusThatNobodyDescribed) {
  NvmlGpu odd = gpu("0000:0f:00.0", {});
  odd.name = "NVIDIA X1 (2030)";
  odd.pci_id = "0xffff";
  const TopologyReading reading = cluster_of(tree(), {odd}, {}, "/nowhere", "n7");
  EXPECT_EQ(reading.cluster.types[0].devices[0].model, "nvidia-x1--2030-");
  EXPECT_THAT(reading.remarks, ElementsAre(HasSubstr("nothing is known of the speed of NVIDIA X1 (2030)")));
}

TEST(ThisNode, WithoutGpusHasItsCores) {
  const TopologyReading reading =
      cluster_of(tree(), {}, {{"eth0", NicKind::ethernet, "", 0}}, "/nowhere", "n7");
  std::vector<std::string> names;
  std::vector<int> places;
  for (const Device& device : reading.cluster.types[0].devices) {
    names.push_back(device.name);
    places.push_back(device.place);
  }
  EXPECT_THAT(names, ElementsAre("cpu0", "cpu1", "cpu2", "cpu3"));
  EXPECT_THAT(places, ElementsAre(0, 1, 0, 1));
  EXPECT_EQ(reading.cluster.models.at("cpu-core").memory_bytes, 2000U);
  EXPECT_EQ(reading.cluster.types[0].nics[0].place, -1);
}

TEST(ThisNode, IsFoundHere) {
  const TopologyReading reading = discover_this_node("here");
  EXPECT_FALSE(reading.cluster.healthy_devices().empty());
}

}  // namespace
}  // namespace ditmesh
