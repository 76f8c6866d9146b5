#include "ditmesh/topology/assignment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cpu_list.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

RankStart on(const char* node, std::string_view visible, std::string_view cores = "") {
  RankStart rank;
  rank.node = node;
  if (!visible.empty()) rank.visible = split(visible, ' ');
  if (!cores.empty()) rank.cores = parse_cpu_list(cores, "cores");
  return rank;
}

// "g0#0 g1#1": device and ordinal of each rank.
std::string drawn(const std::vector<AssignedDevice>& assigned) {
  std::vector<std::string> parts;
  for (const AssignedDevice& device : assigned) parts.push_back(cat(device.bus_id, "#", device.ordinal));
  return join(parts, " ");
}

TEST(Assignment, AllSeeAll) {
  EXPECT_EQ(drawn(assign_devices({on("a", "g0 g1 g2"), on("a", "g0 g1 g2")}, false)), "g0#0 g1#1");
}

TEST(Assignment, CyclicRanksOverNodes) {
  EXPECT_EQ(
      drawn(assign_devices({on("a", "g0 g1"), on("b", "g0 g1"), on("a", "g0 g1"), on("b", "g0 g1")}, false)),
      "g0#0 g0#0 g1#1 g1#1");
}

TEST(Assignment, OneEachInAnyNumbering) {
  EXPECT_EQ(drawn(assign_devices({on("a", "g2"), on("a", "g0"), on("a", "g1")}, false)), "g2#0 g0#0 g1#0");
  EXPECT_EQ(drawn(assign_devices({on("a", "g3 g1"), on("a", "g1 g3")}, false)), "g3#0 g1#0");
}

TEST(Assignment, EarlierRanksGiveWay) {
  EXPECT_EQ(drawn(assign_devices({on("a", "g0 g1"), on("a", "g0")}, false)), "g1#1 g0#0");
  EXPECT_EQ(
      drawn(assign_devices({on("a", "g0 g1"), on("a", "g1 g2"), on("a", "g0"), on("a", "g2 g3")}, false)),
      "g1#1 g2#1 g0#0 g3#1");
}

TEST(Assignment, BrokenDevicesAreLeftOut) {
  const std::vector<RankStart> ranks = {on("a", "g0 g1 g2"), on("a", "g0 g1 g2"), on("b", "g0")};
  EXPECT_EQ(drawn(assign_devices(ranks, false, {"a g0"})), "g1#1 g2#2 g0#0");
  EXPECT_THAT(
      [&] {
        assign_devices(ranks, false, {"a g0", "a g1"});
      },
      ThrowsMessage<EnvironmentError>(HasSubstr("a has 2 ranks and 1 GPU to be used (not g0, g1): start one "
                                                "rank for each GPU (mpirun --map-by ppr:1:node")));
  EXPECT_THAT(
      [&] { assign_devices(ranks, false, {"b g0"}); },
      ThrowsMessage<EnvironmentError>(HasSubstr("rank 2 on b sees only GPUs that must not be used: g0")));
}

TEST(Assignment, WrongStartsAreNamed) {
  EXPECT_THAT(
      [] {
        assign_devices({on("a", "g0"), on("a", "g0")}, false);
      },
      ThrowsMessage<EnvironmentError>(HasSubstr("a has 2 ranks and 1 GPU to be used")));
  EXPECT_THAT(
      [] {
        assign_devices({on("a", "g0"), on("a", "g1"), on("a", "g2"), on("a", "g1 g0"), on("a", "g3 g4")},
                       false);
      },
      ThrowsMessage<EnvironmentError>(HasSubstr("rank 3 on a finds no GPU of its own: it sees g1, g0, which "
                                                "ranks need that see no other; the node has 5")));
  EXPECT_THAT(
      [] {
        assign_devices({on("a", "g0"), on("a", "")}, false);
      },
      ThrowsMessage<EnvironmentError>(HasSubstr("rank 1 on a sees no GPU: look at CUDA_VISIBLE_DEVICES")));
}

TEST(Assignment, SharesOnlyIfAsked) {
  EXPECT_EQ(drawn(assign_devices({on("a", "g0"), on("a", "g0"), on("a", "g0")}, true)), "g0#0 g0#0 g0#0");
  EXPECT_EQ(
      drawn(assign_devices({on("a", "g0 g1"), on("a", "g0 g1"), on("a", "g0 g1"), on("a", "g0 g1")}, true)),
      "g0#0 g1#1 g0#0 g1#1");
}

TEST(Assignment, IsAMatchingWheneverThereIsOne) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    // A hidden matching, and more devices for each to see.
    const int num = 1 + static_cast<int>(random() % 8);
    std::vector<int> hidden(static_cast<size_t>(num));
    for (int i = 0; i < num; ++i) hidden[static_cast<size_t>(i)] = i;
    std::shuffle(hidden.begin(), hidden.end(), random);
    std::vector<RankStart> ranks;
    for (int i = 0; i < num; ++i) {
      std::vector<std::string> visible = {cat("g", hidden[static_cast<size_t>(i)])};
      for (int other = 0; other < num; ++other) {
        if (other != hidden[static_cast<size_t>(i)] && random() % 3 == 0) visible.push_back(cat("g", other));
      }
      std::shuffle(visible.begin(), visible.end(), random);
      ranks.push_back(on("a", join(visible, " ")));
    }
    std::set<std::string> used;
    const auto assigned = assign_devices(ranks, false);
    for (size_t i = 0; i < assigned.size(); ++i) {
      EXPECT_TRUE(used.insert(assigned[i].bus_id).second);
      EXPECT_EQ(ranks[i].visible.at(static_cast<size_t>(assigned[i].ordinal)), assigned[i].bus_id);
    }
  }
}

struct Cores {
  std::vector<std::string> allowed;  // of each rank
  std::vector<std::string> domains;
  const char* dealt;
};

class CoreDeals : public ::testing::TestWithParam<Cores> {};

TEST_P(CoreDeals, KeepToNumaDomains) {
  std::vector<RankStart> ranks;
  for (const std::string& cores : GetParam().allowed) ranks.push_back(on("a", "", cores));
  std::vector<std::vector<int>> domains;
  for (const std::string& cores : GetParam().domains) domains.push_back(parse_cpu_list(cores, "cores"));
  std::vector<std::string> parts;
  for (const auto& cores : assign_cores(ranks, domains)) parts.push_back(cpu_list(cores));
  EXPECT_EQ(join(parts, " | "), GetParam().dealt);
}

INSTANTIATE_TEST_SUITE_P(
    Table, CoreDeals,
    ::testing::Values(Cores{{"0-7", "0-7", "0-7", "0-7"}, {"0-3", "4-7"}, "0-1 | 2-3 | 4-5 | 6-7"},
                      Cores{{"0-7", "0-7", "0-7"}, {"0-3", "4-7"}, "0-1 | 2-3 | 4-7"},
                      Cores{{"0-7"}, {"0-3", "4-7"}, "0-7"},
                      Cores{{"0-7", "0-7"}, {"0-1", "2-3", "4-7"}, "0-3 | 4-7"},
                      // Bound by the launcher: kept.
                      Cores{{"4-5", "0"}, {"0-3", "4-7"}, "4-5 | 0"},
                      // A cpuset of the batch system: only what is allowed.
                      Cores{{"2-5", "2-5"}, {"0-3", "4-7"}, "2-3 | 4-5"},
                      Cores{{"0-2", "0-2", "0-2", "0-2"}, {"0-2"}, "0 | 1 | 2 | 0"},
                      Cores{{"0-3", "0-3"}, {}, "0-1 | 2-3"},
                      // Bound to sockets in turns, two to each; and one alone on its own.
                      Cores{{"0-3", "4-7", "0-3", "4-7"}, {"0-3", "4-7"}, "0-1 | 4-5 | 2-3 | 6-7"},
                      Cores{{"0-3", "4-7", "0-3"}, {"0-3", "4-7"}, "0-1 | 4-7 | 2-3"}));

// "0-1 of 0-3" for each rank: what computes, and what the others have; "-": not bound.
std::string bound(const std::vector<std::string>& allowed, const std::vector<std::vector<int>>& domains) {
  std::vector<RankStart> ranks;
  for (const std::string& cores : allowed) ranks.push_back(on("a", "", cores));
  ranks.push_back(on("b", "", "0-1"));  // alone on its node
  std::vector<std::string> parts;
  for (const auto& binding : bind_ranks(ranks, {{"a", domains}}))
    parts.push_back(binding ? cat(cpu_list(binding->computing), " of ", cpu_list(binding->others)) : "-");
  return join(parts, " | ");
}

TEST(CoreBinding, IsOfRanksThatGetCoresOfTheirOwn) {
  const std::vector<std::vector<int>> domains = {{0, 1, 2, 3}, {4, 5, 6, 7}};
  EXPECT_EQ(bound({"0-7", "0-7", "0-7", "0-7"}, domains),
            "0-1 of 0-3 | 2-3 of 0-3 | 4-5 of 4-7 | 6-7 of 4-7 | -");
  EXPECT_EQ(bound({"2-5", "2-5"}, domains), "2-3 of 2-3 | 4-5 of 4-5 | -");
  EXPECT_EQ(bound({"0", "1"}, domains), "- | - | -") << "the launcher has bound them";
  EXPECT_EQ(bound({"0-1", "0-1", "0-1"}, domains), "- | - | - | -") << "more ranks than cores";
  EXPECT_EQ(bound({"0-7", "0-3"}, domains), "0-3 of 0-3 | - | -") << "4-7 is not for the second";
  EXPECT_EQ(bound({"0-7", "0-7"}, {}), "0-3 of 0-7 | 4-7 of 0-7 | -") << "a host that shows no domains";
  // Hardware threads of one core side by side: no two ranks on one core.
  EXPECT_EQ(bound({"0-7", "0-7"}, {{0, 4, 1, 5, 2, 6, 3, 7}}), "0-1,4-5 of 0-7 | 2-3,6-7 of 0-7 | -");
}

TEST(CoreBinding, TellsOfThreadsWithoutCores) {
  const std::vector<RankStart> ranks = {on("a", "", "0-3"), on("a", "", "0-3"), on("b", "", "0-1")};
  const auto bindings = bind_ranks(ranks, {{"a", {{0, 1, 2, 3}}}});
  EXPECT_FALSE(short_of_cores(ranks, bindings, 2));
  const auto trouble = short_of_cores(ranks, bindings, 3);
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->rule, "rank 0 on a has 2 cores for its 3 threads (as have 2 other ranks too few)");
  EXPECT_THAT(trouble->remedy,
              HasSubstr("mpirun --map-by slot:pe=3, srun --cpus-per-task=3; or give --threads 2"));
}

TEST(Assignment, TellsOfDevicesThatNobodyUses) {
  const auto told = [](const std::vector<RankStart>& ranks, const std::vector<std::string>& unhealthy) {
    const auto trouble = idle_devices(ranks, assign_devices(ranks, true, unhealthy), unhealthy);
    return trouble ? cat(trouble->rule, ": ", trouble->remedy) : std::string();
  };
  EXPECT_EQ(told({on("a", "g0 g1"), on("a", "g0 g1")}, {}), "");
  EXPECT_EQ(told({on("a", "g0"), on("a", "g0")}, {}), "");
  EXPECT_EQ(told({on("a", "g0 g1")}, {"a g1"}), "");
  EXPECT_EQ(told({on("a", "g0 g1 g2 g3"), on("b", "g0 g1"), on("b", "g0 g1")}, {}),
            "3 of the 4 GPUs of a have no rank: mpirun --map-by ppr:4:node ditmesh …, or srun "
            "--ntasks-per-node=4, uses all");
  EXPECT_EQ(told({on("a", "g0 g1"), on("b", "g0 g1"), on("c", "g0 g1")}, {}).substr(0, 70),
            "1 of the 2 GPUs of a have no rank (nor have some of 2 other nodes): mp");
}

TEST(Launch, WorldsOfOneUnderSrunAreToldTheLine) {
  EXPECT_FALSE(trouble_of({1, 0, 0, false}));
  EXPECT_FALSE(trouble_of({1, 1, 0, false}));
  EXPECT_FALSE(trouble_of({8, 8, 3, false}));
  EXPECT_FALSE(trouble_of({1, 8, 0, true}));  // mpirun -n 1 inside of a step
  const auto trouble = trouble_of({1, 8, 2, false});
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->rule, "srun started 8 processes, and each is alone: MPI does not know of the others");
  EXPECT_THAT(trouble->remedy, HasSubstr("srun --mpi=pmix -n 8 ditmesh"));
}

TEST(OrderByPlace, NodeAfterNode) {
  using Order = std::vector<int>;
  EXPECT_EQ(order_by_place({"a", "b", "a", "b"}, {"g0", "g0", "g1", "g1"}), (Order{0, 2, 1, 3}));
  EXPECT_EQ(order_by_place({"b", "a", "a"}, {"g0", "g1", "g0"}),
            (Order{0, 2, 1}));  // the first rank's node first
  EXPECT_EQ(order_by_place({"a", "a", "a"}, {"cores 10-11", "cores 8-9", "cores 0-1"}), (Order{2, 1, 0}));
  EXPECT_EQ(order_by_place({"a", "a"}, {"", ""}), (Order{0, 1}));
}

}  // namespace
}  // namespace ditmesh
