#include "ditmesh/topology/merge_nodes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/route.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kGiB = uint64_t{1} << 30;

// A node by itself, as discovery describes one.
NodeReport node(const std::string& name, const std::string& model, int num_devices,
                const std::vector<NicKind>& nics = {NicKind::infiniband}) {
  NodeReport report;
  Cluster& cluster = report.reading.cluster;
  cluster.name = name;
  cluster.models[model] = find_device_model(model);
  NodeType type;
  type.name = name;
  type.places = {{.name = "numa0", .numa_id = 0, .cores = {0, 1}}};
  for (int i = 0; i < num_devices; ++i)
    type.devices.push_back({.name = cat("gpu", i), .model = model, .place = 0});
  for (const NicKind kind : nics)
    type.nics.push_back({.name = cat("nic", type.nics.size()), .kind = kind, .place = 0});
  Node one;
  one.name = name;
  one.leaves.assign(nics.size(), -1);
  cluster.types = {type};
  cluster.nodes = {one};
  check_cluster(cluster);
  return report;
}

std::string drawn(const Cluster& cluster) {
  std::vector<std::string> parts;
  for (const Node& each : cluster.nodes) {
    std::vector<std::string> leaves;
    for (const int leaf : each.leaves)
      leaves.push_back(leaf == -1 ? "-" : cluster.switches[static_cast<size_t>(leaf)].name);
    parts.push_back(cat(each.name, ":", cluster.type_of(each).name, ":", join(leaves, "+")));
  }
  return join(parts, " ");
}

TEST(MergeNodes, ThatAreAlikeShareAType) {
  const TopologyReading merged = merge_reports({node("n1", "h100-sxm", 8), node("n2", "h100-sxm", 8)}, {});
  EXPECT_EQ(drawn(merged.cluster), "n1:8-h100-sxm:network n2:8-h100-sxm:network");
  EXPECT_EQ(merged.cluster.types.size(), 1U);
  EXPECT_EQ(merged.cluster.models.size(), 1U);
  EXPECT_EQ(merged.cluster.name, "n[1-2]");
  EXPECT_THAT(merged.remarks, ElementsAre(HasSubstr("the network counts as flat")));
  EXPECT_EQ(Router(merged.cluster).level({0, 0}, {1, 0}), Level::leaf);
}

TEST(MergeNodes, ThatDifferHaveTypesOfTheirOwn) {
  auto third = node("n3", "h100-sxm", 8);
  third.reading.cluster.types[0].places[0].cores = {0};
  third.reading.cluster.nodes[0].unhealthy = {3};
  const Cluster cluster =
      merge_reports({node("n1", "h100-sxm", 8), node("n2", "a100-pcie-80gb", 4), third}, {}).cluster;
  EXPECT_EQ(drawn(cluster), "n1:8-h100-sxm:network n2:4-a100-pcie-80gb:network n3:8-h100-sxm-2:network");
  EXPECT_EQ(cluster.models.size(), 2U);
  EXPECT_THAT(cluster.nodes[2].unhealthy, ElementsAre(3));
}

TEST(MergeNodes, ModelsWithALittleLessMemoryAreOne) {
  auto less = node("n2", "h100-sxm", 2);
  auto much_less = node("n3", "h100-sxm", 2);
  auto first = node("n1", "h100-sxm", 2);
  first.reading.cluster.models["h100-sxm"].memory_bytes = 80 * kGiB;
  less.reading.cluster.models["h100-sxm"].memory_bytes = 79 * kGiB;
  much_less.reading.cluster.models["h100-sxm"].memory_bytes = 64 * kGiB;
  const Cluster cluster = merge_reports({first, less, much_less, less}, {}).cluster;
  EXPECT_EQ(cluster.models.at("h100-sxm").memory_bytes, 79 * kGiB);
  EXPECT_EQ(cluster.models.at("h100-sxm-2").memory_bytes, 64 * kGiB);
  EXPECT_EQ(drawn(cluster),
            "n1:2-h100-sxm:network n2:2-h100-sxm:network n3:2-h100-sxm-2:network n2-2:2-h100-sxm:network");
}

TEST(MergeNodes, OneNodeStaysAsItIs) {
  const NodeReport alone = node("n1", "h100-sxm", 8);
  const TopologyReading merged = merge_reports({alone}, {});
  EXPECT_EQ(merged.cluster, alone.reading.cluster);
  EXPECT_THAT(merged.remarks, IsEmpty());
}

TEST(MergeNodes, TheBestNetworkOfAllIsPluggedIn) {
  EXPECT_EQ(drawn(merge_reports({node("a", "h100-sxm", 1, {NicKind::ethernet, NicKind::infiniband}),
                                 node("b", "h100-sxm", 1, {NicKind::infiniband, NicKind::infiniband})},
                                {})
                      .cluster),
            "a:1-h100-sxm:-+network b:1-h100-sxm-2:network+network");
  EXPECT_EQ(drawn(merge_reports({node("a", "h100-sxm", 1, {NicKind::ethernet, NicKind::infiniband}),
                                 node("b", "h100-sxm", 1, {NicKind::ethernet})},
                                {})
                      .cluster),
            "a:1-h100-sxm:network+- b:1-h100-sxm-2:network");
  const TopologyReading apart =
      merge_reports({node("a", "h100-sxm", 1, {}), node("b", "h100-sxm", 1, {NicKind::ethernet})}, {});
  EXPECT_EQ(drawn(apart.cluster), "a:1-h100-sxm: b:1-h100-sxm-2:-");
  EXPECT_THAT(apart.remarks, ElementsAre(HasSubstr("no network of one kind")));
}

TEST(MergeNodes, StandUnderSlurmsSwitches) {
  const SlurmTopology file = read_slurm_topology_conf(
      "SwitchName=l1 Nodes=n[1-4]\nSwitchName=l2 Nodes=n[5-8]\nSwitchName=l3 Nodes=m[1-9]\n"
      "SwitchName=s Switches=l[1-2]\nSwitchName=t Switches=s,l3\n",
      "topology.conf");
  auto renamed = node("host7.example.org", "h100-sxm", 2);
  renamed.slurm_name = "n7";
  const TopologyReading merged =
      merge_reports({node("n2.example.org", "h100-sxm", 2), renamed, node("n1", "h100-sxm", 2)}, file);
  EXPECT_EQ(drawn(merged.cluster),
            "n2.example.org:2-h100-sxm:l1 host7.example.org:2-h100-sxm:l2 n1:2-h100-sxm:l1");
  EXPECT_THAT(merged.remarks, IsEmpty());
  ASSERT_EQ(merged.cluster.switches.size(), 4U) << "l3 is of other nodes";
  EXPECT_EQ(Router(merged.cluster).level({0, 0}, {2, 0}), Level::leaf);
  EXPECT_EQ(Router(merged.cluster).level({0, 0}, {1, 0}), Level::spine);

  const TopologyReading stranger =
      merge_reports({node("n1", "h100-sxm", 2), node("elsewhere", "h100-sxm", 2)}, file);
  EXPECT_EQ(drawn(stranger.cluster), "n1:2-h100-sxm:network elsewhere:2-h100-sxm:network");
}

TEST(MergeNodes, StandUnderTheSwitchesOfTheirAddresses) {
  auto first = node("n1", "h100-sxm", 2);
  auto second = node("n2", "h100-sxm", 2);
  first.address = {"n1", {"s", "l1"}};
  second.address = {"n2", {"s", "l2"}};
  const Cluster cluster = merge_reports({first, second}, {}).cluster;
  EXPECT_EQ(drawn(cluster), "n1:2-h100-sxm:l1 n2:2-h100-sxm:l2");
  EXPECT_EQ(Router(cluster).level({0, 0}, {1, 0}), Level::spine);
  second.address.reset();
  EXPECT_EQ(drawn(merge_reports({first, second}, {}).cluster), "n1:2-h100-sxm:network n2:2-h100-sxm:network");
}

TEST(MergeNodes, RemarksSayWhoseTheyAre) {
  auto first = node("n1", "h100-sxm", 2);
  auto second = node("n2", "h100-sxm", 2);
  auto third = node("n3", "h100-sxm", 2);
  first.reading.remarks = {"slow"};
  third.reading.remarks = {"slow", "gpu1 should not be used"};
  EXPECT_THAT(merge_reports({first, second, third}, {}).remarks,
              ElementsAre("n[1,3]: slow", "n3: gpu1 should not be used", HasSubstr("flat")));
}

TEST(NodeReport, SurvivesTheWay) {
  NodeReport report = node("n1", "h100-sxm", 2);
  report.reading.remarks = {"slow"};
  report.slurm_name = "x1";
  report.address = {"x1", {"s", "l1"}};
  const NodeReport back = NodeReport::from_text(report.to_text());
  EXPECT_EQ(back.reading.cluster, report.reading.cluster);
  EXPECT_EQ(back.reading.remarks, report.reading.remarks);
  EXPECT_EQ(back.slurm_name, "x1");
  EXPECT_EQ(back.address, report.address);
}

}  // namespace
}  // namespace ditmesh
