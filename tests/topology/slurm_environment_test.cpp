#include "ditmesh/topology/slurm_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

Environment with(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(SlurmTasks, AreExpanded) {
  EXPECT_THAT(expand_tasks_per_node("8", "T"), ElementsAre(8));
  EXPECT_THAT(expand_tasks_per_node("8(x3),4,2(x1)", "T"), ElementsAre(8, 8, 8, 4, 2));
  for (const char* wrong : {"", "8x2", "8(x)", "8(x2", "(x2)", "-1", "8(x0)", "8(x99999999999)", "8,,4"}) {
    EXPECT_THAT([&] { expand_tasks_per_node(wrong, "SLURM_TASKS_PER_NODE"); },
                ThrowsMessage<ConfigError>(HasSubstr("where a number of tasks is expected")))
        << wrong;
  }
}

TEST(SlurmAllocation, IsThatOfTheJob) {
  const auto job = read_slurm_allocation(
      with({{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_NODELIST", "n[1-2],m"}, {"SLURM_TASKS_PER_NODE", "8(x2),4"}}));
  ASSERT_TRUE(job);
  EXPECT_EQ(*job, (SlurmAllocation{"7", {"n1", "n2", "m"}, {8, 8, 4}}));
  EXPECT_EQ(job->num_tasks(), 20);
}

TEST(SlurmAllocation, OfAStepIsTheStep) {
  const auto step = read_slurm_allocation(with({{"SLURM_JOB_ID", "7"},
                                                {"SLURM_JOB_NODELIST", "n[1-4]"},
                                                {"SLURM_TASKS_PER_NODE", "8(x4)"},
                                                {"SLURM_STEP_NODELIST", "n3"},
                                                {"SLURM_STEP_TASKS_PER_NODE", "2"}}));
  ASSERT_TRUE(step);
  EXPECT_EQ(*step, (SlurmAllocation{"7", {"n3"}, {2}}));
}

TEST(SlurmAllocation, OldNamesAndMissingCounts) {
  const auto old = read_slurm_allocation(with({{"SLURM_NODELIST", "n1"}}));
  ASSERT_TRUE(old);
  EXPECT_THAT(old->tasks, IsEmpty());
  EXPECT_EQ(read_slurm_allocation(with({})), std::nullopt);
  EXPECT_EQ(read_slurm_allocation(with({{"SLURM_JOB_NODELIST", ""}})), std::nullopt);
}

TEST(SlurmAllocation, RefusesWhatDoesNotFit) {
  EXPECT_THAT(
      [] {
        read_slurm_allocation(with({{"SLURM_JOB_NODELIST", "n[1-3]"}, {"SLURM_TASKS_PER_NODE", "8(x2)"}}));
      },
      ThrowsMessage<ConfigError>(
          HasSubstr("SLURM_JOB_NODELIST has 3 nodes, SLURM_TASKS_PER_NODE '8(x2)' tells of 2")));
}

TEST(TopologyAddress, NamesTheSwitchesAbove) {
  EXPECT_EQ(read_topology_address("s4.s0.tux3", "switch.switch.node"),
            (TopologyAddress{"tux3", {"s4", "s0"}}));
  EXPECT_EQ(read_topology_address("s[4-7].s0.tux3", "switch.switch.node"),
            (TopologyAddress{"tux3", {"s[4-7]", "s0"}}));
  EXPECT_EQ(read_topology_address("tux3", "node"), (TopologyAddress{"tux3", {}}));
  EXPECT_EQ(read_topology_address(".s0.tux3", "switch.switch.node"), (TopologyAddress{"tux3", {"s0"}}));
  // Dots in names: all that stands above counts as one.
  EXPECT_EQ(read_topology_address("switch.1.2.n1", "switch.node"), (TopologyAddress{"n1", {"switch.1.2"}}));
  EXPECT_EQ(read_topology_address("", ""), (TopologyAddress{"", {}}));
}

TEST(TopologyAddress, TogetherMakeATree) {
  const SlurmTopology tree = topology_of({{"a", {"top", "l1"}}, {"b", {"top", "l1"}}, {"c", {"top", "l2"}}});
  EXPECT_THAT(tree.nodes(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(tree.roots(), ElementsAre("top"));
  std::vector<std::string> remarks;
  const Cluster cluster = cluster_of(tree, unknown_node_type(), remarks);
  check_cluster(cluster);
  EXPECT_THAT(remarks, IsEmpty());
  EXPECT_EQ(cluster.nodes[0].leaves, cluster.nodes[1].leaves);
  EXPECT_NE(cluster.nodes[0].leaves, cluster.nodes[2].leaves);
  EXPECT_THAT(topology_of({{"a", {}}, {"b", {}}}).nodes(), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace ditmesh
