#include "ditmesh/topology/cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Two nodes of two devices and one NIC each, under one leaf.
Cluster small() {
  Cluster cluster;
  cluster.name = "small";
  NodeType type;
  type.name = "box";
  type.places = {{.name = "numa0", .numa_id = 0, .cores = {0, 1}},
                 {.name = "bridge0", .kind = PlaceKind::host_bridge, .parent = 0}};
  type.devices = {{.name = "gpu0", .model = "card", .place = 1},
                  {.name = "gpu1", .model = "card", .place = 1}};
  type.nics = {{.name = "eth0", .kind = NicKind::ethernet, .place = 0}};
  type.nvlinks = {{0, 1, 4}};
  cluster.types = {type};
  cluster.switches = {{.name = "leaf"}};
  cluster.nodes = {{.name = "a", .leaves = {0}}, {.name = "b", .leaves = {0}, .unhealthy = {0}}};
  cluster.models["card"] = {.name = "card"};
  return cluster;
}

TEST(Cluster, NamesItsHealthyDevices) {
  const Cluster cluster = small();
  EXPECT_NO_THROW(check_cluster(cluster));
  EXPECT_THAT(cluster.healthy_devices(), ElementsAre(DeviceId{0, 0}, DeviceId{0, 1}, DeviceId{1, 1}));
  EXPECT_EQ(cluster.name_of({1, 1}), "b:gpu1");
}

struct Wrong {
  const char* message;
  std::function<void(Cluster&)> spoil;
};

std::ostream& operator<<(std::ostream& out, const Wrong& wrong) { return out << wrong.message; }

class WrongClusters : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongClusters, SayWhatIsWrong) {
  Cluster cluster = small();
  GetParam().spoil(cluster);
  EXPECT_THAT([&] { check_cluster(cluster); }, ThrowsMessage<ConfigError>(HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongClusters,
    ::testing::Values(
        Wrong{"the cluster has no node", [](Cluster& c) { c.nodes.clear(); }},
        Wrong{"the cluster has two of the name node 'a'", [](Cluster& c) { c.nodes[1].name = "a"; }},
        Wrong{"node type 'box' has a device without a name",
              [](Cluster& c) { c.types[0].devices[0].name = ""; }},
        Wrong{"device 'gpu1' has place 2, there are 2", [](Cluster& c) { c.types[0].devices[1].place = 2; }},
        Wrong{"device 'gpu0' is of the model 'x', which the cluster does not describe",
              [](Cluster& c) { c.types[0].devices[0].model = "x"; }},
        Wrong{"place 'bridge0' stands in no place, only NUMA domains may",
              [](Cluster& c) { c.types[0].places[1].parent = -1; }},
        Wrong{"place 'bridge0' comes before the place it stands in",
              [](Cluster& c) { c.types[0].places[1].parent = 1; }},
        Wrong{"NVLink 1-0 must name the lower device first",
              [](Cluster& c) {
                c.types[0].nvlinks[0] = {1, 0, 4};
              }},
        Wrong{"NVLink 0-1 has 0 links", [](Cluster& c) { c.types[0].nvlinks[0].links = 0; }},
        Wrong{"nic 'eth0' has a bandwidth of -1 bytes/s",
              [](Cluster& c) { c.types[0].nics[0].link.bytes_per_s = -1; }},
        Wrong{"node 'a' is plugged into 0 leaf switches, its type 'box' has 1 NIC",
              [](Cluster& c) { c.nodes[0].leaves.clear(); }},
        Wrong{"node 'b' has unhealthy device 2, there are 2", [](Cluster& c) { c.nodes[1].unhealthy = {2}; }},
        Wrong{"switch 'leaf' is above itself", [](Cluster& c) { c.switches[0].parent = 0; }}));

}  // namespace
}  // namespace ditmesh
