#include "ditmesh/topology/measurements.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/cluster_text.hpp"
#include "ditmesh/topology/route.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

std::string drawn(const std::vector<std::string>& nodes) {
  std::vector<std::string> rounds;
  for (const auto& round : measuring_rounds(nodes)) {
    std::vector<std::string> pairs;
    for (const auto& [a, b] : round) pairs.push_back(cat(a, "-", b));
    rounds.push_back(join(pairs, " "));
  }
  return join(rounds, " | ");
}

TEST(MeasuringRounds, OfFewRanks) {
  EXPECT_EQ(drawn({"a"}), "");
  EXPECT_EQ(drawn({"a", "a"}), "0-1");
  EXPECT_EQ(drawn({"a", "b"}), "0-1");
  EXPECT_EQ(drawn({"a", "a", "b", "b"}), "0-1 2-3 | 0-2");
  EXPECT_EQ(drawn({"a", "b", "a", "b", "b"}), "0-2 3-4 | 1-4 | 1-3 | 0-1");
}

TEST(MeasuringRounds, AllOfANodeMeetOnceAndNobodyTwiceAtATime) {
  for (int num_ranks = 2; num_ranks <= 16; ++num_ranks) {
    const auto rounds = measuring_rounds(std::vector<std::string>(static_cast<size_t>(num_ranks), "a"));
    EXPECT_EQ(rounds.size(), static_cast<size_t>(num_ranks - 1 + num_ranks % 2));
    std::set<std::pair<int, int>> met;
    for (const auto& round : rounds) {
      std::set<int> busy;
      for (const auto& [a, b] : round) {
        EXPECT_LT(a, b);
        EXPECT_TRUE(busy.insert(a).second && busy.insert(b).second);
        EXPECT_TRUE(met.insert({a, b}).second);
      }
    }
    EXPECT_EQ(met.size(), static_cast<size_t>(num_ranks * (num_ranks - 1) / 2));
  }
}

TEST(MeasuringRounds, AreFewForManyRanks) {
  std::vector<std::string> nodes;
  for (int rank = 0; rank < 100 * 64; ++rank) nodes.push_back(cat("n", rank % 100));
  const auto rounds = measuring_rounds(nodes);
  EXPECT_EQ(rounds.size(), 15U + 63U);
  for (const auto& round : rounds) {
    std::set<int> busy;
    for (const auto& [a, b] : round) EXPECT_TRUE(busy.insert(a).second && busy.insert(b).second);
  }
}

TEST(Spread, IsLeastMedianAndMost) {
  EXPECT_EQ(spread_of({3, 1, 2}), (Spread{1, 2, 3}));
  EXPECT_EQ(spread_of({5}), (Spread{5, 5, 5}));
  EXPECT_THROW(spread_of({}), InternalError);
}

// Two nodes on one switch.
Cluster pair(int num_nics) {
  Cluster cluster;
  cluster.name = "pair";
  NodeType type;
  type.name = "box";
  type.places = {{.name = "numa0", .numa_id = 0, .cores = {0, 1}}};
  type.devices = {{.name = "gpu0", .place = 0}};
  for (int i = 0; i < num_nics; ++i) type.nics.push_back({.name = cat("nic", i), .place = 0});
  cluster.types = {type};
  Switch leaf;
  leaf.name = "network";
  cluster.switches = {leaf};
  for (const char* name : {"n1", "n2"}) {
    Node node;
    node.name = name;
    node.leaves.assign(static_cast<size_t>(num_nics), 0);
    cluster.nodes.push_back(node);
  }
  return cluster;
}

Measurement between(int from, int to, double microseconds, double gigabytes, const std::string& by = "MPI") {
  const auto around = [](double value) { return Spread{value * 0.5, value, value * 2}; };
  return {from,
          to,
          "rank 0 (cores 0)",
          "rank 1 (cores 1)",
          from == to ? "NUMA domain" : "leaf switch",
          by,
          around(microseconds * 1e-6),
          around(gigabytes * 1e9)};
}

TEST(Measurements, GiveTheOnlyNicItsFigures) {
  const Cluster cluster =
      with_measurements(pair(1), {between(0, 1, 4, 10), between(1, 0, 2, 8), between(0, 0, 0.5, 50)});
  EXPECT_EQ(cluster.types[0].nics[0].link, (Link{10e9, 2e-6}));
  EXPECT_DOUBLE_EQ(Router(cluster).route({0, 0}, {1, 0}).bytes_per_s, 10e9);
  EXPECT_EQ(cluster.measured.size(), 3U);
}

TEST(Measurements, GiveNothingToLinksThatTheyDoNotTellOf) {
  EXPECT_EQ(with_measurements(pair(2), {between(0, 1, 4, 10)}).types[0].nics[0].link, Link{});
  EXPECT_EQ(with_measurements(pair(1), {between(0, 0, 4, 10)}).types[0].nics[0].link, Link{});
  EXPECT_EQ(with_measurements(pair(1), {between(0, 1, 4, 10, "copy")}).types[0].nics[0].link, Link{});
}

TEST(Measurements, AreWrittenAndReadBack) {
  const Cluster cluster = with_measurements(pair(1), {between(0, 1, 4, 10), between(1, 1, 0.5, 50)});
  const OrderedJson json = to_json(cluster);
  const std::string written = json["measured"][0].dump();
  EXPECT_THAT(written, HasSubstr("\"nodes\":[\"n1\",\"n2\"],"));
  EXPECT_THAT(written, HasSubstr("\"between\":[\"rank 0 (cores 0)\",\"rank 1 (cores 1)\"],"));
  EXPECT_THAT(written, HasSubstr("\"way\":\"leaf switch\",\"by\":\"MPI\","));
  EXPECT_THAT(written, HasSubstr("\"microseconds\":[2.0,4.0,8.0],\"gigabytes_per_s\":[5.0,10.0,20.0]"));
  EXPECT_EQ(to_json(cluster_from_json(Json::parse(json.dump()), "written")), json);
  EXPECT_FALSE(to_json(pair(1)).contains("measured"));
}

TEST(Measurements, AreCheckedWhenRead) {
  const auto read_with = [](const char* key, const Json& value) {
    Json json = Json::parse(to_json(with_measurements(pair(1), {between(0, 1, 4, 10)})).dump());
    json["measured"][0][key] = value;
    return cluster_from_json(json, "c.json");
  };
  EXPECT_THAT([&] { read_with("nodes", {"n1", "n3"}); }, ThrowsMessage<ConfigError>(HasSubstr("names 'n3'")));
  EXPECT_THAT(
      [&] { read_with("nodes", {"n1"}); },
      ThrowsMessage<ConfigError>(HasSubstr("measured[0]: fields 'nodes' and 'between' have 1 and 2")));
  EXPECT_THAT(
      [&] {
        read_with("microseconds", {3, 2, 4});
      },
      ThrowsMessage<ConfigError>(HasSubstr("measured[0] has a latency of")));
  EXPECT_THAT([&] { read_with("gigabytes_per_s", {3}); },
              ThrowsMessage<ConfigError>(HasSubstr("give three: the least, the median and the most")));
  EXPECT_THAT([&] { read_with("by", ""); }, ThrowsMessage<ConfigError>(HasSubstr("empty or not printable")));
}

TEST(Measurements, AreDrawn) {
  const std::string text =
      to_text(with_measurements(pair(1), {between(0, 1, 4, 10), between(1, 1, 0.5, 50)}));
  EXPECT_THAT(text,
              HasSubstr("n1: rank 0 (cores 0)  n2: rank 1 (cores 1)  leaf switch  MPI  4.00 (2.00-8.00)"));
  EXPECT_THAT(text, HasSubstr("10.0 (5.0-20.0)\n"));
  EXPECT_THAT(text, HasSubstr("nic0: network 10 GB/s")) << "not assumed any more";
  EXPECT_THAT(to_text(pair(1)), Not(HasSubstr("measured")));

  std::vector<Measurement> many(41, between(0, 1, 4, 10));
  many[7] = between(1, 0, 9, 1);
  many[7].from = "rank 5 (cores 1)";
  const std::string summary = to_text(with_measurements(pair(1), many));
  EXPECT_THAT(summary, HasSubstr("41 pairs  slowest n2: rank 5 (cores 1) → n1: rank 1 (cores 1)"));
  EXPECT_THAT(summary, HasSubstr("4.00 (2.00-18.00)"));
  EXPECT_THAT(summary, HasSubstr("10.0 (0.5-20.0)"));
}

}  // namespace
}  // namespace ditmesh
