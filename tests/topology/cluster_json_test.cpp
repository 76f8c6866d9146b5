#include "ditmesh/topology/cluster_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cpu_list.hpp"
#include "ditmesh/topology/shipped.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(ShippedClusters, AreReadAndWrittenBack) {
  EXPECT_GE(shipped_clusters().size(), 12U);
  for (const auto& [name, text] : shipped_clusters()) {
    SCOPED_TRACE(name);
    const Cluster cluster = read_cluster(name);
    EXPECT_EQ(cluster.name, name);
    EXPECT_FALSE(cluster.description.empty());
    EXPECT_EQ(cluster_from_json(Json::parse(to_json(cluster).dump()), "written"), cluster);
  }
}

struct Shipped {
  const char* name;
  size_t nodes;
  size_t devices;  // healthy
  size_t switches;
};

std::ostream& operator<<(std::ostream& out, const Shipped& shipped) { return out << shipped.name; }

class ShippedSizes : public ::testing::TestWithParam<Shipped> {};

TEST_P(ShippedSizes, AreAsTheirNamesSay) {
  const Cluster cluster = read_cluster(GetParam().name);
  EXPECT_EQ(cluster.nodes.size(), GetParam().nodes);
  EXPECT_EQ(cluster.healthy_devices().size(), GetParam().devices);
  EXPECT_EQ(cluster.switches.size(), GetParam().switches);
}

INSTANTIATE_TEST_SUITE_P(Table, ShippedSizes,
                         ::testing::Values(Shipped{"laptop", 1, 8, 0}, Shipped{"rtx-4090-4", 1, 4, 0},
                                           Shipped{"l40-8", 1, 8, 1}, Shipped{"l40-8-x2", 2, 16, 1},
                                           Shipped{"dgx-a100", 1, 8, 8}, Shipped{"dgx-h100", 1, 8, 8},
                                           Shipped{"dgx-h100-x4", 4, 32, 9},
                                           Shipped{"dgx-h200-x64", 64, 512, 17},
                                           Shipped{"gb200-nvl72", 18, 72, 4}, Shipped{"mixed", 4, 23, 3}));

// A cluster of two nodes, with `edit` in place of its marked part.
std::string text_with(const std::string& from, const std::string& to) {
  std::string text = R"({"name": "t",
 "node_types": {"box": {"places": [{"names": "numa[0-1]", "cores": "0-3"}],
                        "devices": [{"names": "gpu[0-3]", "model": "h100-sxm", "in": "numa[0-1]"}],
                        "nics": [{"names": "ib[0-1]", "kind": "infiniband", "link": {"gigabytes_per_s": 48}}],
                        "nvlinks": [{"among": "gpu[0-2]", "links": 4}]}},
 "switches": [{"names": "leaf[0-1]", "in": "spine"}, {"names": "spine"}],
 "nodes": [{"names": "n[1-2]", "type": "box", "leaves": "leaf[0-1]", "unhealthy": "gpu3"}]})";
  if (!from.empty()) text.replace(text.find(from), from.size(), to);
  return text;
}

Cluster cluster_with(const std::string& from, const std::string& to) {
  return cluster_from_json(Json::parse(text_with(from, to)), "t.json");
}

TEST(ClusterJson, SpreadsNamesOverPlaces) {
  const Cluster cluster = cluster_with("", "");
  const NodeType& box = cluster.types[0];
  EXPECT_EQ(box.devices[1].place, 0);
  EXPECT_EQ(box.devices[2].place, 1);
  EXPECT_THAT(box.nvlinks, ElementsAre(NvlinkPair{0, 1, 4}, NvlinkPair{0, 2, 4}, NvlinkPair{1, 2, 4}));
  EXPECT_THAT(cluster.nodes[1].leaves, ElementsAre(0, 1));
  EXPECT_THAT(cluster.nodes[1].unhealthy, ElementsAre(3));
  EXPECT_EQ(cluster.switches[0].parent, 2);
  EXPECT_EQ(cluster.models.at("h100-sxm").peak_flops.at("bf16"), 989e12);
  EXPECT_THAT(cluster_with(R"("leaf[0-1]", "unhealthy")", R"(["leaf1", "-"], "unhealthy")").nodes[0].leaves,
              ElementsAre(1, -1));
}

TEST(ClusterJson, NicsThatAreNotPluggedInSurvive) {
  const Cluster cluster = cluster_with(R"("leaf[0-1]", "unhealthy")", R"(["-", "leaf1"], "unhealthy")");
  EXPECT_EQ(cluster_from_json(Json::parse(to_json(cluster).dump()), "written"), cluster);
}

struct Wrong {
  const char* from;
  const char* to;
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const Wrong& wrong) { return out << wrong.message; }

class WrongClusterJson : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongClusterJson, NamesTheField) {
  EXPECT_THAT([] { cluster_with(GetParam().from, GetParam().to); },
              ThrowsMessage<ConfigError>(HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongClusterJson,
    ::testing::Values(
        Wrong{R"("name": "t",)", "", "t.json: field 'name' is missing"},
        Wrong{R"("switches")", R"("switchs")",
              "t.json: there is no field 'switchs' (did you mean 'switches'?)"},
        Wrong{R"("cores": "0-3")", R"("cores": "0-x")",
              "t.json: node_types: box: places[0]: cores '0-x' is no list of cores"},
        Wrong{"h100-sxm", "h100-sxn",
              "t.json: node_types: box: the device model 'h100-sxn' is unknown (did you mean 'h100-sxm'?)"},
        Wrong{R"("in": "numa[0-1]"})", R"("in": "numa[0-2]"})",
              "devices[0]: field 'in' has 3 names for 4: give one for all, or as many for each"},
        Wrong{R"("in": "numa[0-1]"})", R"("in": "nume0"})",
              "devices[0]: field 'in' names 'nume0', which is not there (did you mean 'numa0'?)"},
        Wrong{R"("gigabytes_per_s": 48)", R"("gigabytes_per_s": 0)",
              "nics[0]: link: field 'gigabytes_per_s' must be above 0 and at most 1e+09, found 0"},
        Wrong{R"("gigabytes_per_s": 48)", R"("gigabytes_per_s": "fast")",
              "nics[0]: link: field 'gigabytes_per_s' has the wrong type: \"fast\""},
        Wrong{"infiniband", "infinibad", "nics[0]: field 'kind' is 'infinibad' (did you mean 'infiniband'?)"},
        Wrong{R"("links": 4)", R"("links": 0)", "NVLink 0-1 has 0 links"},
        Wrong{R"("type": "box")", R"("type": "bix")",
              "nodes[0]: field 'type' names 'bix', which is not there"},
        Wrong{R"("n[1-2]")", R"("n[1-1],n1")", "t.json: the cluster has two of the name node 'n1'"},
        Wrong{R"({"names": "spine"})", R"({"names": "spine", "in": "leaf0"})", "is above itself"},
        Wrong{R"("unhealthy": "gpu3")", R"("unhealthy": "gpu7")",
              "nodes[0]: field 'unhealthy' names 'gpu7', which is not there"}));

TEST(ClusterJson, AnUnknownNameIsToldTheKnownOnes) {
  EXPECT_THAT([] { read_cluster("dgx-h100-x5"); },
              ThrowsMessage<ConfigError>(
                  HasSubstr("there is no cluster file 'dgx-h100-x5' (did you mean 'dgx-h100-x4'?)")));
}

TEST(CpuList, IsReadAndWritten) {
  EXPECT_THAT(parse_cpu_list("0-3,8", "cores"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_EQ(cpu_list(parse_cpu_list("9,2-4,3,0", "cores")), "0,2-4,9");
  for (const char* wrong : {"", "a", "3-1", "-1", "1-", "0-99999"}) {
    EXPECT_THAT([&] { parse_cpu_list(wrong, "cores"); },
                ThrowsMessage<ConfigError>(HasSubstr("is no list of cores")))
        << wrong;
  }
}

}  // namespace
}  // namespace ditmesh
