#include "ditmesh/topology/route.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/shipped.hpp"

namespace ditmesh {
namespace {

struct Way {
  const char* cluster;
  DeviceId from;
  DeviceId to;
  Level level;
  double gigabytes_per_s;
  double microseconds;
  const char* links;
};

std::ostream& operator<<(std::ostream& out, const Way& way) {
  return out << way.cluster << " " << way.from.node << "." << way.from.device << "-" << way.to.node << "."
             << way.to.device;
}

class Ways : public ::testing::TestWithParam<Way> {};

TEST_P(Ways, AreTheShortest) {
  const Way& way = GetParam();
  const Router router(read_cluster(way.cluster));
  const Route route = router.route(way.from, way.to);
  std::vector<std::string> names;
  for (const int link : route.links) names.push_back(router.link_name(link));
  EXPECT_EQ(join(names, "; "), way.links);
  EXPECT_EQ(route.level, way.level) << to_string(route.level);
  EXPECT_NEAR(route.bytes_per_s / 1e9, way.gigabytes_per_s, 1e-9);
  EXPECT_NEAR(route.latency_s * 1e6, way.microseconds, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Ways,
    ::testing::Values(
        Way{"dgx-h100", {0, 3}, {0, 3}, Level::self, 0, 0, ""},
        Way{"dgx-h100", {0, 0}, {0, 7}, Level::nvlink, 378, 1, "dgx: gpu0 → NVSwitch; dgx: NVSwitch → gpu7"},
        Way{"dgx-h100-x4",
            {0, 2},
            {3, 2},
            Level::leaf,
            48,
            4,
            "dgx1: gpu2 → switch2; dgx1: mlx5_2 → rail2; dgx4: rail2 → mlx5_2; dgx4: switch2 → gpu2"},
        // On another rail: first over NVLink to the GPU of that rail.
        Way{"dgx-h100-x4",
            {0, 2},
            {1, 5},
            Level::leaf,
            48,
            5,
            "dgx1: gpu2 → NVSwitch; dgx1: NVSwitch → gpu5; dgx1: gpu5 → switch5; dgx1: mlx5_5 → rail5; dgx2: "
            "rail5 → "
            "mlx5_5; dgx2: switch5 → gpu5"},
        // Another scalable unit: over the spine.
        Way{"dgx-h100-x64",
            {0, 2},
            {40, 2},
            Level::spine,
            48,
            6,
            "dgx01: gpu2 → switch2; dgx01: mlx5_2 → su1-rail2; su1-rail2 → spine; spine → su2-rail2; dgx41: "
            "su2-rail2 "
            "→ mlx5_2; dgx41: switch2 → gpu2"},
        Way{"gb200-nvl72",
            {0, 0},
            {17, 3},
            Level::nvlink,
            738,
            1,
            "tray01: gpu0 → NVSwitch; tray18: NVSwitch → gpu3"},
        Way{"rtx-4090-4",
            {0, 0},
            {0, 1},
            Level::numa,
            12.5,
            9,
            "workstation: gpu0 → bridge0; workstation: bridge0 → numa0; workstation: numa0 → bridge1; "
            "workstation: "
            "bridge1 → gpu1"},
        Way{"l40-8", {0, 0}, {0, 1}, Level::pcie_switch, 25, 2, "l40: gpu0 → switch0; l40: switch0 → gpu1"},
        Way{"l40-8",
            {0, 0},
            {0, 2},
            Level::numa,
            25,
            6,
            "l40: gpu0 → switch0; l40: switch0 → bridge0; l40: bridge0 → numa0; l40: numa0 → bridge1; l40: "
            "bridge1 → "
            "switch1; l40: switch1 → gpu2"},
        Way{"l40-8",
            {0, 3},
            {0, 4},
            Level::socket,
            25,
            9,
            "l40: gpu3 → switch1; l40: switch1 → bridge1; l40: bridge1 → numa0; l40: numa0 → host; l40: host "
            "→ numa1; "
            "l40: numa1 → bridge2; l40: bridge2 → switch2; l40: switch2 → gpu4"},
        Way{"l40-8-x2",
            {0, 7},
            {1, 0},
            Level::leaf,
            12,
            12,
            "l40-1: gpu7 → switch3; l40-1: switch3 → bridge3; l40-1: bridge3 → numa1; l40-1: numa1 → host; "
            "l40-1: host "
            "→ numa0; l40-1: numa0 → bridge0; l40-1: mlx5_0 → leaf; l40-2: leaf → mlx5_0; l40-2: bridge0 → "
            "switch0; "
            "l40-2: switch0 → gpu0"},
        Way{"mixed",
            {0, 0},
            {2, 0},
            Level::spine,
            24,
            6,
            "dgx1: gpu0 → switch0; dgx1: mlx5_0 → leaf0; leaf0 → spine; spine → leaf1; l40s1: leaf1 → "
            "mlx5_0; l40s1: "
            "bridge0 → gpu0"},
        Way{"laptop", {0, 0}, {0, 5}, Level::numa, 5, 1, "laptop: cpu0 → numa0; laptop: numa0 → cpu5"}));

TEST(Ways, GoBothWaysAndShareNoDirection) {
  for (const auto& [name, text] : shipped_clusters()) {
    const Router router(read_cluster(name));
    std::vector<DeviceId> ids = router.cluster().healthy_devices();
    if (ids.size() > 32) ids.resize(32);
    ids.push_back(router.cluster().healthy_devices().back());
    for (const DeviceId a : ids) {
      for (const DeviceId b : ids) {
        if (a == b) continue;
        const Route there = router.route(a, b);
        const Route back = router.route(b, a);
        EXPECT_EQ(there.level, back.level) << name;
        EXPECT_EQ(there.bytes_per_s, back.bytes_per_s) << name;
        EXPECT_TRUE(std::isfinite(there.bytes_per_s)) << name;
        std::set<int> used(there.links.begin(), there.links.end());
        EXPECT_EQ(used.size(), there.links.size()) << name;
        for (const int link : back.links)
          EXPECT_FALSE(used.contains(link)) << name << ": " << router.link_name(link);
      }
    }
  }
}

TEST(Ways, WithoutAnyKnowledgeAreAssumed) {
  Cluster cluster;
  NodeType type;
  type.name = "box";
  type.devices = {{.name = "gpu0"}, {.name = "gpu1"}};
  cluster.types = {type};
  cluster.nodes = {{.name = "a"}, {.name = "b"}};
  const Router router(cluster);
  EXPECT_EQ(router.route({0, 0}, {0, 1}).level, Level::socket);
  EXPECT_EQ(router.route({0, 0}, {0, 1}).bytes_per_s, 12e9);
  EXPECT_EQ(router.route({0, 0}, {1, 1}).level, Level::leaf);
  EXPECT_EQ(router.route({0, 0}, {1, 1}).bytes_per_s, 1e9);
}

// Two nodes of the type `type`, each NIC on a leaf of its own, `plugged` of them.
Cluster two_of(NodeType type, const std::vector<int>& leaves) {
  Cluster cluster;
  type.name = "box";
  cluster.types = {std::move(type)};
  cluster.switches = {{.name = "l0"}, {.name = "l1"}};
  cluster.nodes = {{.name = "a", .leaves = leaves}, {.name = "b", .leaves = leaves}};
  return cluster;
}

std::string links_of(const Cluster& cluster, DeviceId from, DeviceId to) {
  const Router router(cluster);
  std::vector<std::string> names;
  for (const int link : router.route(from, to).links) names.push_back(router.link_name(link));
  return join(names, "; ");
}

TEST(Nics, TheInnermostSwitchIsNearest) {
  NodeType type;
  type.places = {{.name = "numa0"},
                 {.name = "outer", .kind = PlaceKind::pcie_switch, .parent = 0},
                 {.name = "in0", .kind = PlaceKind::pcie_switch, .parent = 1},
                 {.name = "in1", .kind = PlaceKind::pcie_switch, .parent = 1}};
  type.devices = {{.name = "gpu0", .place = 3}, {.name = "gpu1", .place = 2}};
  type.nics = {{.name = "nic0", .place = 2}, {.name = "nic1", .place = 3}};
  EXPECT_EQ(links_of(two_of(type, {0, 1}), {0, 0}, {1, 0}),
            "a: gpu0 → in1; a: nic1 → l1; b: l1 → nic1; b: in1 → gpu0");
}

TEST(Nics, SlowOnesAndThoseNotPluggedInCarryNothing) {
  NodeType type;
  type.places = {{.name = "numa0"}};
  type.devices = {{.name = "gpu0", .place = 0}, {.name = "gpu1", .place = 0}};
  type.nics = {{.name = "eno1", .place = 0, .link = {0.125e9, 1e-6}},
               {.name = "ib0", .place = 0, .link = {48e9, 1e-6}}};
  EXPECT_EQ(links_of(two_of(type, {0, 0}), {0, 0}, {1, 1}),
            "a: gpu0 → numa0; a: ib0 → l0; b: l0 → ib0; b: numa0 → gpu1");
  type.nics[0].link = type.nics[1].link;
  EXPECT_EQ(links_of(two_of(type, {-1, 0}), {0, 0}, {1, 1}),
            "a: gpu0 → numa0; a: ib0 → l0; b: l0 → ib0; b: numa0 → gpu1");
}

TEST(Nics, NoWayLeadsThroughABrokenDevice) {
  Cluster cluster = read_cluster("dgx-h100-x4");
  cluster.nodes[0].unhealthy = {5};
  EXPECT_EQ(Router(cluster).route({0, 2}, {1, 5}).level, Level::spine);
}

TEST(Ways, OfAKnownBandwidthHaveAUsualLatency) {
  NodeType type;
  type.devices = {{.name = "gpu0"}};
  type.nics = {{.name = "ib0", .kind = NicKind::infiniband, .link = {48e9, 0}}};
  EXPECT_NEAR(Router(two_of(type, {0})).route({0, 0}, {1, 0}).latency_s, 4e-6, 1e-9);
}

}  // namespace
}  // namespace ditmesh
