#include "ditmesh/topology/topology_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(TopologyReader, KnowsEveryFormat) {
  const auto smi = read_topology("\tGPU0\tGPU1\nGPU0\t X \tNV4\nGPU1\tNV4\t X \n", "out/box.txt");
  EXPECT_EQ(smi.cluster.name, "box");
  EXPECT_THAT(smi.cluster.types[0].nvlinks, ElementsAre(NvlinkPair{0, 1, 4}));

  const auto nccl = read_topology(
      "<system version=\"1\"><cpu numaid=\"0\" affinity=\"f\"><pci busid=\"0000:01:00.0\" class=\"0x030200\" "
      "device=\"0x2330\" link_speed=\"32.0 GT/s PCIe\" link_width=\"16\"><gpu dev=\"0\" "
      "sm=\"90\"/></pci></cpu>"
      "</system>",
      "topo.xml");
  EXPECT_EQ(nccl.cluster.types[0].devices[0].model, "h100-sxm");
  EXPECT_EQ(nccl.cluster.models.at("h100-sxm"), find_device_model("h100-sxm"));

  EXPECT_EQ(read_topology("SwitchName=l Nodes=a[1-2]\n", "topology.conf").cluster.nodes.size(), 2U);
  EXPECT_EQ(read_topology("- topology: t\n  tree:\n    switches:\n      - switch: l\n        nodes: a[1-3]\n",
                          "t.yaml")
                .cluster.nodes.size(),
            3U);
  const Cluster mixed = read_cluster("mixed");
  EXPECT_EQ(read_topology(to_json(mixed).dump(2), "mixed.json").cluster, mixed);
}

TEST(TopologyReader, SaysWhatItGotInstead) {
  EXPECT_THAT([] { read_topology("hello\n", "notes.txt"); },
              ThrowsMessage<ConfigError>(
                  HasSubstr("notes.txt describes no topology: it looks like text of another kind")));
  EXPECT_THAT([] { read_topology("", "empty"); },
              ThrowsMessage<ConfigError>(HasSubstr("it looks like an empty file")));
  EXPECT_THAT([] { read_topology("#BlockName=b Nodes=a\nBlockSizes=20\n", "topology.conf"); },
              ThrowsMessage<ConfigError>(HasSubstr("topology.conf names no node")));
}

}  // namespace
}  // namespace ditmesh
