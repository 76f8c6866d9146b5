#include "ditmesh/topology/slurm_cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

using Texts = std::map<std::string, std::string>;

std::function<std::optional<std::string>(const std::string&)> from(Texts texts) {
  return [texts = std::move(texts)](const std::string& name) -> std::optional<std::string> {
    const auto found = texts.find(name);
    return found == texts.end() ? std::nullopt : std::optional(found->second);
  };
}

// "NAME: a:l1 b:- | remarks"
std::string drawn(const Texts& environment, const Texts& files) {
  const TopologyReading reading = read_slurm_cluster(from(environment), from(files));
  std::vector<std::string> nodes;
  for (const Node& node : reading.cluster.nodes) {
    const int leaf = node.leaves[0];
    nodes.push_back(
        cat(node.name, ":", leaf == -1 ? "-" : reading.cluster.switches[static_cast<size_t>(leaf)].name));
  }
  return cat(reading.cluster.name, ": ", join(nodes, " "), " | ", join(reading.remarks, "; "));
}

const Texts kTree = {{"/etc/slurm/topology.conf", "SwitchName=l1 Nodes=a[1-2]\nSwitchName=l2 Nodes=b\n"}};

TEST(SlurmCluster, IsTheJobUnderItsSwitches) {
  EXPECT_EQ(drawn({{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_NODELIST", "b,a2"}}, kTree), "job 7: b:l2 a2:l1 | ");
  EXPECT_EQ(drawn({{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_NODELIST", "a2,c"}}, kTree),
            "job 7: a2:l1 c:- | 1 node of the job is under no switch that Slurm describes");
}

TEST(SlurmCluster, OutsideOfAJobIsTheFile) {
  EXPECT_EQ(drawn({}, kTree), "topology: a1:l1 a2:l1 b:l2 | ");
  EXPECT_EQ(drawn({{"SLURM_CONF", "/opt/s/slurm.conf"}},
                  {{"/opt/s/topology.yaml",
                    "- topology: t\n  tree:\n    switches:\n      - switch: l\n        nodes: x\n"},
                   {"/opt/s/topology.conf", "SwitchName=other Nodes=y\n"}}),
            "topology: x:l | ");
}

TEST(SlurmCluster, WithoutAFileIsFlat) {
  EXPECT_EQ(drawn({{"SLURM_JOB_NODELIST", "a[1-2]"}}, {}),
            "job: a1:- a2:- | Slurm says nothing of switches: the network counts as flat");
  EXPECT_THAT(drawn({{"SLURM_JOB_NODELIST", "a[1-2]"},
                     {"SLURM_TOPOLOGY_ADDR", "top.l1.a1"},
                     {"SLURM_TOPOLOGY_ADDR_PATTERN", "switch.switch.node"}},
                    {}),
              HasSubstr("job: a1:l1 a2:- | only this node's switches are known"));
}

TEST(SlurmCluster, WithoutSlurmIsRefused) {
  EXPECT_THAT([] { drawn({}, {}); }, ThrowsMessage<ConfigError>(HasSubstr("this is no Slurm job")));
}

}  // namespace
}  // namespace ditmesh
