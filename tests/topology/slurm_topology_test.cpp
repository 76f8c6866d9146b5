#include "ditmesh/topology/slurm_topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

SlurmTopology conf(std::string_view text) { return read_slurm_topology_conf(text, "topology.conf"); }
SlurmTopology yaml(std::string_view text) { return read_slurm_topology_yaml(text, "topology.yaml"); }

// "n1:leaf" of every node, and "leaf<spine" of every switch.
std::string drawn(const SlurmTopology& topology) {
  std::vector<std::string> remarks;
  const Cluster cluster = cluster_of(topology, unknown_node_type(), remarks);
  check_cluster(cluster);
  std::vector<std::string> parts;
  const auto name_of = [&](int i) {
    return i == -1 ? std::string("-") : cluster.switches[static_cast<size_t>(i)].name;
  };
  for (const Node& node : cluster.nodes) parts.push_back(cat(node.name, ":", name_of(node.leaves[0])));
  for (const Switch& each : cluster.switches) parts.push_back(cat(each.name, "<", name_of(each.parent)));
  return join(parts, " ");
}

TEST(SlurmTopologyConf, ReadsATree) {
  const SlurmTopology tree = conf(
      "# two leaves\r\n"
      "SwitchName=top switches=l[1-2]   # the spine comes first\r\n"
      "\r\n"
      "switchname=l1 \\\r\n   Nodes=a[1-2] LinkSpeed=100\r\n"
      "SwitchName=l2 Nodes=\"b,c\"\r\n");
  EXPECT_THAT(tree.nodes(), ElementsAre("a1", "a2", "b", "c"));
  EXPECT_THAT(tree.roots(), ElementsAre("top"));
  EXPECT_THAT(tree.remarks, ElementsAre(HasSubstr("LinkSpeed is left out")));
  EXPECT_EQ(drawn(tree), "a1:l1 a2:l1 b:l2 c:l2 top<- l1<top l2<top");
}

TEST(SlurmTopologyConf, ManySpinesBecomeOne) {
  EXPECT_EQ(drawn(conf("SwitchName=l1 Nodes=a\nSwitchName=l2 Nodes=b\nSwitchName=s1 Switches=l[1-2]\n"
                       "SwitchName=s2 Switches=l[1-2]\nSwitchName=core Switches=s[1-2]\n")),
            "a:l1 b:l2 l1<s[1-2] l2<s[1-2] s[1-2]<core core<-");
}

TEST(SlurmTopologyConf, CyclesAndStrayLinksAreCut) {
  // Spines and core name each other; s9 has nothing below it; "gone" is described nowhere.
  const SlurmTopology graph = conf(
      "SwitchName=l1 Nodes=a\nSwitchName=l2 Nodes=b\nSwitchName=s1 Switches=l1,core\n"
      "SwitchName=s2 Switches=l2,core,gone\nSwitchName=core Switches=s1,s2,s9\nSwitchName=s9 Switches=s9\n");
  EXPECT_THAT(graph.roots(), IsEmpty());
  EXPECT_EQ(drawn(graph), "a:l1 b:l2 l1<s1 l2<s2 s1<core s2<core core<-");
  std::vector<std::string> remarks;
  cluster_of(graph, unknown_node_type(), remarks);
  EXPECT_THAT(remarks,
              ElementsAre(HasSubstr("1 child of switches (gone)"), HasSubstr("4 links between switches")));
}

TEST(SlurmTopologyConf, SeveralRootsStayApart) {
  EXPECT_EQ(drawn(conf("SwitchName=p Switches=l1\nSwitchName=l1 Nodes=a\nSwitchName=l2 Nodes=b\n")),
            "a:l1 b:l2 p<- l1<p l2<-");
}

TEST(SlurmTopologyConf, BranchesMayHaveUnequalDepth) {
  const SlurmTopology uneven = conf(
      "SwitchName=top Switches=deep,flat\nSwitchName=deep Switches=l1\nSwitchName=l1 Nodes=a\n"
      "SwitchName=flat Nodes=b\n");
  EXPECT_EQ(drawn(uneven), "a:l1 b:flat top<- deep<top l1<deep flat<top");
  std::vector<std::string> remarks;
  cluster_of(uneven, unknown_node_type(), remarks);
  EXPECT_THAT(remarks, IsEmpty());
  // The same switch below and above another one, by way of a third: no circle comes of it.
  EXPECT_NO_THROW(
      drawn(conf("SwitchName=x Nodes=n\nSwitchName=b Switches=x\nSwitchName=c Switches=b\n"
                 "SwitchName=a Switches=c,x\n")));
}

TEST(SlurmTopologyConf, BlocksBecomeLeaves) {
  const SlurmTopology blocks = conf(
      "BlockName=b1 Nodes=a[1-2]\nBlockName=b2 Nodes=a[3-4]\n#BlockName=b9 "
      "Nodes=z\nBlockName=b3\nBlockSizes=2,4\n");
  EXPECT_THAT(blocks.block_sizes, ElementsAre(2, 4));
  EXPECT_EQ(drawn(blocks),
            "a1:b1 a2:b1 a3:b2 a4:b2 b1<blocks of 4 #1 b2<blocks of 4 #1 b3<blocks of 4 #2 blocks of 4 "
            "#1<all blocks "
            "blocks of 4 #2<all blocks all blocks<-");
  const SlurmTopology none = conf("#BlockName=b1 Nodes=a\nBlockSizes=20\n");
  EXPECT_THAT(none.nodes(), IsEmpty());
  EXPECT_THAT(none.remarks, ElementsAre("topology.conf names no node"));
}

TEST(SlurmTopologyConf, RingsAreFlat) {
  EXPECT_EQ(drawn(conf("RingName=r0 Nodes=a,b\nRingName=r1 Nodes=c\n")), "a:- b:- c:-");
}

TEST(SlurmTopologyConf, ANodeOfTwoSwitchesIsOfTheFirst) {
  const SlurmTopology twice = conf("SwitchName=l1 Nodes=a\nSwitchName=l2 Nodes=a,b\n");
  EXPECT_EQ(drawn(twice), "a:l1 b:l2 l1<- l2<-");
  std::vector<std::string> remarks;
  cluster_of(twice, unknown_node_type(), remarks);
  EXPECT_THAT(remarks, ElementsAre("1 node of two switches or blocks: the first one counts"));
}

TEST(SlurmTopologyYaml, ReadsTheDefaultOfTheCluster) {
  const SlurmTopology tree = yaml(
      "---\n- topology: flat1\n  flat: true\n- topology: fat\n  cluster_default: true\n  tree:\n    "
      "switches:\n"
      "      - switch: top\n        children: l[1-2]\n      - switch: l1\n        nodes: a[1-2]\n"
      "      - switch: l2\n        nodes: b\n");
  EXPECT_EQ(drawn(tree), "a1:l1 a2:l1 b:l2 top<- l1<top l2<top");
  EXPECT_THAT(tree.remarks,
              ElementsAre("of the topologies flat1, fat only fat is read, the default of the cluster"));
}

TEST(SlurmTopologyYaml, ReadsBlocks) {
  const SlurmTopology blocks = yaml(
      "- topology: racks\n  block:\n    block_sizes: [2]\n    blocks:\n      - block: b1\n        nodes: "
      "a[1-2]\n"
      "      - block: b2\n        nodes: a[3-4]\n");
  EXPECT_EQ(drawn(blocks), "a1:b1 a2:b1 a3:b2 a4:b2 b1<all blocks b2<all blocks all blocks<-");
}

struct Refused {
  const char* text;
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const Refused& refused) { return out << refused.text; }

class WrongConfs : public ::testing::TestWithParam<Refused> {};

TEST_P(WrongConfs, SayWhatIsWrong) {
  EXPECT_THAT([] { conf(GetParam().text); }, ThrowsMessage<ConfigError>(HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongConfs,
    ::testing::Values(
        Refused{"[routes]\nn0: n[1-3]\n",
                "topology.conf is not a topology.conf of Slurm: it looks like a ClusterShell"},
        Refused{"{\"nodes\": 3}", "it looks like JSON"},
        Refused{"SwitchName=a Nodes=x\nSwitchNames=b Nodes=y\n",
                "topology.conf: line 2 has 'SwitchNames', where KEY=VALUE is expected (did you mean "
                "'SwitchName'?)"},
        Refused{"SwitchName=a Nodes=x\nSwitchName=a Nodes=y\n", "line 2 describes 'a' a second time"},
        Refused{"SwitchName=a Nodes=x[1-\n",
                "topology.conf: line 1: Nodes 'x[1-' has a bracket that is not closed"},
        Refused{"SwitchName=a Nodes=x Nodes=y\n", "line 1 gives Nodes twice"},
        Refused{"SwitchName= Nodes=x\n", "line 1 gives SwitchName the value 'Nodes=x', a name or a list"},
        Refused{"SwitchName=a Nodes=\"x\n", "line 1 has a quotation mark that is not closed"},
        Refused{"Nodes=x\n", "line 1 names neither a switch, nor a block, nor a ring"},
        Refused{"BlockSizes=4,none\n", "line 1 has the block size 'none'"},
        Refused{"SwitchName=a Nodes=x\nBlockName=b Nodes=y\n", "has lines of several plug-ins"}));

class WrongYamls : public ::testing::TestWithParam<Refused> {};

TEST_P(WrongYamls, SayWhatIsWrong) {
  EXPECT_THAT([] { yaml(GetParam().text); }, ThrowsMessage<ConfigError>(HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongYamls,
    ::testing::Values(
        Refused{"nodes: 3\n", "topology.yaml is not a topology.yaml of Slurm"},
        Refused{"- [", "topology.yaml is not YAML: line 1"},
        Refused{"- topology: t\n",
                "topology 't': line 1: has no plug-in, one of tree, block, flat, ring, torus3d"},
        Refused{"- topology: t\n  flat: true\n  tree:\n    switches: []\n", "has tree and flat, one of"},
        Refused{"- topology: t\n  block:\n    blocks: b1\n", "line 3: 'blocks' must be a list"},
        Refused{"- topology: t\n  block:\n    block_sizes: [x]\n    blocks: []\n",
                "block size 'x' is no number"},
        Refused{"- topology: t\n  tree:\n    switches:\n      - nodes: a\n",
                "line 4: an entry has no 'switch'"},
        Refused{"- topology: t\n  tree:\n    switches:\n      - switch: s\n        nodes: a[\n",
                "line 5: nodes 'a[' has a bracket that is not closed"},
        Refused{"- topology: t\n  torus3d: {}\n", "a torus is not known to ditmesh"}));

}  // namespace
}  // namespace ditmesh
