#include "ditmesh/mesh/placement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"

namespace ditmesh {
namespace {

std::string error_of(const auto& call) {
  try {
    call();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

// `num_nodes` nodes, all NVLink within, one leaf.
Cluster nodes_of(int num_devices, int num_nodes) {
  return cluster_from_json(
      Json::parse(cat(R"({"name": "c", "node_types": {"t": {"places": [{"names": "numa0"}],
        "devices": [{"names": "gpu[0-)",
                      num_devices - 1, R"(]", "model": "h100-sxm", "in": "numa0", "nvswitch_links": 18}],
        "nics": [{"names": "nic", "kind": "infiniband", "in": "numa0"}]}},
        "switches": [{"names": "leaf"}],
        "nodes": [{"names": "n[0-)",
                      num_nodes - 1, R"(]", "type": "t", "leaves": "leaf"}]})")),
      "test");
}

// The replica of each device, node by node: "0011 22..".
std::string picture(const Placement& placement, const Mesh& mesh, const Cluster& cluster) {
  std::string text;
  for (int node = 0; node < static_cast<int>(cluster.nodes.size()); ++node) {
    if (node > 0) text += ' ';
    for (int device = 0; device < static_cast<int>(cluster.types[0].devices.size()); ++device) {
      const auto at = std::find(placement.devices.begin(), placement.devices.end(), DeviceId{node, device});
      text += at == placement.devices.end()
                  ? "."
                  : cat(mesh.coordinate(static_cast<int>(at - placement.devices.begin()))[Axis::data]);
    }
  }
  return text;
}

struct Case {
  int devices, nodes;
  const char* mesh;
  int ranks;
  const char* picture;
};

class Placed : public testing::TestWithParam<Case> {};

TEST_P(Placed, AsDrawn) {
  const Case& c = GetParam();
  const Cluster cluster = nodes_of(c.devices, c.nodes);
  const Router router(cluster);
  const Mesh mesh = Mesh::parse(c.mesh, c.ranks);
  const DeviceTree tree = device_tree(router, cluster.healthy_devices());
  const Placement placement = place(mesh, tree);
  EXPECT_EQ(picture(placement, mesh, cluster), c.picture) << c.mesh;
  EXPECT_EQ(placement.devices.size() + placement.spares.size(), tree.devices.size());
}

INSTANTIATE_TEST_SUITE_P(
    Table, Placed,
    testing::Values(Case{4, 2, "data=8", 8, "0123 4567"}, Case{4, 2, "ulysses=4,data=2", 8, "0000 1111"},
                    Case{4, 2, "ulysses=2,data=4", 8, "0011 2233"},
                    Case{4, 2, "ulysses=3,data=2", 6, "000. 111."},
                    Case{3, 2, "ulysses=2,data=3", 6, "001 221"},  // nothing else holds three
                    Case{3, 2, "ulysses=2,data=2", 4, "00. 11."},
                    // Groups of ulysses stay whole in the nodes, cfg goes across.
                    Case{8, 2, "ulysses=6,cfg=2", 12, "000000.. 000000.."},
                    Case{4, 4, "ulysses=4,cfg=2,data=2", 16, "0000 0000 1111 1111"},
                    Case{8, 1, "ulysses=2,pipeline=2,cfg=2", 8, "00000000"},
                    Case{7, 1, "ulysses=2,data=3", 6, "001122."},
                    Case{8, 2, "ring=5,data=3", 15, "00000111 2222211."},
                    Case{1, 5, "pipeline=2,data=2", 4, "0 0 1 1 ."}));

TEST(Placement, FillsSocketsFirst) {
  const Cluster cluster = read_cluster("l40-8");
  const DeviceTree tree = device_tree(Router(cluster), cluster.healthy_devices());
  std::vector<std::pair<int, int>> sets;
  for (const DeviceTree::Set& set : tree.sets) sets.emplace_back(set.begin, set.end);
  EXPECT_EQ(sets, (std::vector<std::pair<int, int>>{{0, 2}, {2, 4}, {0, 4}, {4, 6}, {6, 8}, {4, 8}, {0, 8}}));
  // Three are on one socket, though the first two and the next two are nearest.
  const Mesh mesh = Mesh::parse("ring=3,data=2", 6);
  EXPECT_EQ(picture(place(mesh, tree), mesh, cluster), "000.111.");
}

TEST(Placement, AxesFromTheInsideOut) {
  const Cluster cluster = read_cluster("dgx-h100-x4");
  const Router router(cluster);
  const Mesh mesh = Mesh::parse("ulysses=4,pipeline=2,cfg=2,data=2", 32);
  const Placement placement = place(mesh, device_tree(router, cluster.healthy_devices()));
  for (int rank = 0; rank < mesh.size(); ++rank) {
    const auto farthest = [&](Axis axis) {
      Level level = Level::self;
      for (const int other : mesh.group(rank, axis))
        level = std::max(level, router.level(placement.devices[static_cast<size_t>(rank)],
                                             placement.devices[static_cast<size_t>(other)]));
      return level;
    };
    EXPECT_EQ(farthest(Axis::ulysses), Level::nvlink);
    EXPECT_EQ(farthest(Axis::pipeline), Level::nvlink);
    EXPECT_GE(farthest(Axis::cfg), Level::leaf);
  }
}

TEST(Placement, AnNvlinkDomainOfManyNodesIsOneSet) {
  const Cluster cluster = read_cluster("gb200-nvl72");
  const Router router(cluster);
  const Mesh mesh = Mesh::parse("ulysses=24,data=3", 72);
  const Placement placement = place(mesh, device_tree(router, cluster.healthy_devices()));
  EXPECT_EQ(router.level(placement.devices[0], placement.devices[23]), Level::nvlink);
  EXPECT_TRUE(placement.spares.empty());
}

// GPUs 0 to 3 and 4 to 7 are all joined by NVLink, across them only pairs: a chain of NVLinks is no group.
TEST(Placement, HybridCubeMesh) {
  const Cluster cluster = cluster_from_json(Json::parse(R"({"name": "dgx1", "node_types": {"t": {
      "places": [{"names": "numa[0-1]"}], "devices": [{"names": "gpu[0-7]", "model": "a100-sxm-40gb", "in": "numa[0-1]"}],
      "nvlinks": [{"among": "gpu0,gpu3", "links": 2}, {"among": "gpu0,gpu4", "links": 2}, {"among": "gpu1,gpu2", "links": 2},
                  {"among": "gpu1,gpu5", "links": 2}, {"among": "gpu2,gpu3", "links": 2}, {"among": "gpu4,gpu7", "links": 2},
                  {"among": "gpu5,gpu6", "links": 2}, {"among": "gpu6,gpu7", "links": 2}, {"among": "gpu0,gpu1", "links": 1},
                  {"among": "gpu0,gpu2", "links": 1}, {"among": "gpu1,gpu3", "links": 1}, {"among": "gpu2,gpu6", "links": 1},
                  {"among": "gpu3,gpu7", "links": 1}, {"among": "gpu4,gpu5", "links": 1}, {"among": "gpu4,gpu6", "links": 1},
                  {"among": "gpu5,gpu7", "links": 1}]}}, "nodes": [{"names": "n", "type": "t"}]})"),
                                            "test");
  const DeviceTree tree = device_tree(Router(cluster), cluster.healthy_devices());
  const Mesh quads = Mesh::parse("ulysses=4,data=2", 8);
  EXPECT_EQ(picture(place(quads, tree), quads, cluster), "00001111");
  const Mesh pairs = Mesh::parse("ulysses=2,data=4", 8);
  const std::string text = picture(place(pairs, tree), pairs, cluster);
  EXPECT_EQ(text[0], text[3]);
  EXPECT_EQ(text[1], text[2]);
}

// Trays of a rack under different leaf switches: NVLink is nearer than a leaf switch.
TEST(Placement, NvlinkDomainsBeforeLeaves) {
  const Cluster cluster =
      cluster_from_json(Json::parse(R"({"name": "c", "node_types": {"t": {"places": [{"names": "numa0"}],
        "devices": [{"names": "gpu[0-3]", "model": "gb200", "in": "numa0", "nvswitch_links": 18}],
        "nics": [{"names": "nic", "kind": "infiniband", "in": "numa0"}]}},
        "switches": [{"names": "spine"}, {"names": "leaf[1-2]", "in": "spine"}],
        "nodes": [{"names": "a1", "type": "t", "leaves": "leaf1", "nvlink_domain": "a"},
                  {"names": "b1", "type": "t", "leaves": "leaf1", "nvlink_domain": "b"},
                  {"names": "a2", "type": "t", "leaves": "leaf2", "nvlink_domain": "a"},
                  {"names": "b2", "type": "t", "leaves": "leaf2", "nvlink_domain": "b"}]})"),
                        "test");
  const Mesh mesh = Mesh::parse("ulysses=8,data=2", 16);
  EXPECT_EQ(picture(place(mesh, device_tree(Router(cluster), cluster.healthy_devices())), mesh, cluster),
            "0000 1111 0000 1111");
}

// Two nodes with one GPU left under one leaf, two pairs elsewhere: both tensor groups stay whole.
TEST(Placement, WideGroupsAreLeftOver) {
  Cluster cluster =
      cluster_from_json(Json::parse(R"({"name": "c", "node_types": {"t": {"places": [{"names": "numa0"}],
        "devices": [{"names": "gpu[0-1]", "model": "h100-sxm", "in": "numa0", "nvswitch_links": 18}],
        "nics": [{"names": "nic", "kind": "infiniband", "in": "numa0"}]}},
        "switches": [{"names": "spine"}, {"names": "leaf[1-3]", "in": "spine"}],
        "nodes": [{"names": "a1", "type": "t", "leaves": "leaf1", "unhealthy": "gpu1"},
                  {"names": "a2", "type": "t", "leaves": "leaf1", "unhealthy": "gpu1"},
                  {"names": "b1", "type": "t", "leaves": "leaf2"}, {"names": "c1", "type": "t", "leaves": "leaf3"}]})"),
                        "test");
  const Mesh mesh = Mesh::parse("tensor=2,pipeline=2", 4);
  EXPECT_EQ(picture(place(mesh, device_tree(Router(cluster), cluster.healthy_devices())), mesh, cluster),
            ".. .. 00 00");
}

TEST(Placement, EveryDeviceOnce) {
  std::mt19937 random(3);
  for (int i = 0; i < 500; ++i) {
    const int devices = 1 + static_cast<int>(random() % 9);
    const int nodes = 1 + static_cast<int>(random() % 6);
    const Cluster cluster = nodes_of(devices, nodes);
    Mesh inner;
    for (const Axis axis : {Axis::tensor, Axis::ulysses, Axis::ring, Axis::pipeline, Axis::cfg})
      inner = inner.with(axis, 1 + static_cast<int>(random() % 3));
    const int most = num_replicas(inner, devices * nodes);
    if (most == 0) continue;
    const Mesh mesh = inner.with(Axis::data, 1 + static_cast<int>(random() % static_cast<unsigned>(most)));
    const Placement placement = place(mesh, device_tree(Router(cluster), cluster.healthy_devices()));
    std::set<DeviceId> all(placement.devices.begin(), placement.devices.end());
    EXPECT_EQ(all.size(), static_cast<size_t>(mesh.size()));
    all.insert(placement.spares.begin(), placement.spares.end());
    EXPECT_EQ(all.size(), static_cast<size_t>(devices * nodes));
  }
}

TEST(Placement, RefusesWhatDoesNotFit) {
  const Cluster cluster = nodes_of(4, 2);
  const DeviceTree tree = device_tree(Router(cluster), cluster.healthy_devices());
  const Mesh inner = Mesh().with(Axis::ulysses, 3);
  EXPECT_NE(error_of([&] {
              place(inner.with(Axis::data, 3), tree);
            }).find("has 9 ranks, there are 8 devices: use ulysses=3,data=2"),
            std::string::npos)
      << error_of([&] { place(inner.with(Axis::data, 3), tree); });
  EXPECT_NE(error_of([&] { place(inner.with(Axis::pipeline, 3), tree); }).find("lower its degrees"),
            std::string::npos);
}

TEST(Placement, WrittenAndReadBack) {
  const Cluster cluster = nodes_of(4, 2);
  const Mesh mesh = Mesh::parse("ulysses=2,data=3", 6);
  const Placement placement = place(mesh, device_tree(Router(cluster), cluster.healthy_devices()));
  const std::string text = to_text(placement, mesh, cluster);
  EXPECT_EQ(text.substr(0, text.find('\n')), "data=0,ulysses=0 n0:gpu0");
  EXPECT_EQ(placement_from_text(text, "p", mesh, cluster, cluster.healthy_devices()), placement);
  const auto error = [&](const std::string& changed) {
    return error_of([&] { placement_from_text(changed, "p.txt", mesh, cluster, cluster.healthy_devices()); });
  };
  EXPECT_NE(error("data=0,ulysses=0 n0:gpu9").find("p.txt, line 1: this job has no device 'n0:gpu9'"),
            std::string::npos);
  EXPECT_NE(error("data=0,ulysses=2 n0:gpu0").find("'ulysses=2' is no place on the mesh"), std::string::npos);
  EXPECT_NE(error("\n" + text + text).find("has a rank already, of line 2"), std::string::npos)
      << error("\n" + text + text);
  EXPECT_NE(error("data=0,ulysses=0,ulysses=1 n0:gpu0").find("names the axis ulysses twice"),
            std::string::npos);
  EXPECT_NE(error("# none").find("places 0 ranks, the mesh ulysses=2,data=3 has 6"), std::string::npos);
  EXPECT_NE(error("data=0,ulysses=0 n0:gpu0\ndata=0,ulysses=0 n0:gpu1").find("is placed twice"),
            std::string::npos);
}

}  // namespace
}  // namespace ditmesh
