// Slurm's files and host lists of real clusters; see samples_folder.hpp.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/topology/hostlist.hpp"
#include "ditmesh/topology/slurm_topology.hpp"
#include "topology/samples_folder.hpp"

namespace ditmesh {
namespace {

using SlurmSamples = testing::SamplesTest;

SlurmTopology read(const std::string& text, const std::string& name) {
  return name.ends_with(".yaml") ? read_slurm_topology_yaml(text, name)
                                 : read_slurm_topology_conf(text, name);
}

Json counts(const std::vector<SlurmTopology::Group>& groups) {
  Json json = Json::object();
  for (const SlurmTopology::Group& group : groups) json[group.name] = group.nodes.size();
  return json;
}

TEST_F(SlurmSamples, SayWhatTheIndexSays) {
  int read_files = 0;
  int refused = 0;
  const Json index = read_json_file(folder_ / "index.json");
  for (const auto& [name, expected] : index.items()) {
    if (!name.starts_with("slurm/")) continue;
    SCOPED_TRACE(name);
    const std::string text = read_file(folder_ / name);
    if (expected.value("invalid", false) || expected.value("not_slurm", false)) {
      EXPECT_THROW(read(text, name), ConfigError);
      ++refused;
      continue;
    }
    const SlurmTopology topology = read(text, name);
    EXPECT_EQ(topology.nodes().size(), expected["nodes"]);
    EXPECT_EQ(topology.switches.size(), expected["switches"]);
    size_t leaves = 0;
    for (const auto& each : topology.switches) leaves += each.nodes.empty() ? 0 : 1;
    EXPECT_EQ(leaves, expected["leaf_switches"]);
    EXPECT_EQ(Json(topology.roots()), expected["roots"]);
    EXPECT_EQ(counts(topology.blocks), expected["blocks"]);
    EXPECT_EQ(counts(topology.rings), expected["rings"]);
    EXPECT_EQ(Json(topology.block_sizes),
              expected["block_sizes"].is_null() ? Json::array() : expected["block_sizes"]);
    if (!topology.nodes().empty()) {
      std::vector<std::string> remarks;
      EXPECT_NO_THROW(check_cluster(cluster_of(topology, unknown_node_type(), remarks)));
    }
    ++read_files;
  }
  EXPECT_GT(read_files, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(SlurmSamples, HostListsExpandAsSlurmDoes) {
  for (const Json& entry : read_json_file(folder_ / "slurm" / "hostlists.json")) {
    const std::string form = entry["form"];
    SCOPED_TRACE(form);
    const Json& expected = entry["expect"];
    if (expected == "refuse") {
      EXPECT_THROW(expand_hostlist(form, "form"), ConfigError);
      continue;
    }
    const auto names = expand_hostlist(form, "form");
    if (expected.is_array()) {
      EXPECT_EQ(Json(names), expected);
    } else {
      EXPECT_EQ(names.size(), expected["count"]);
      EXPECT_EQ(names.front(), expected["first"]);
      EXPECT_EQ(names.back(), expected["last"]);
    }
    EXPECT_EQ(expand_hostlist(compress_hostlist(names), "compressed"), names);
  }
}

}  // namespace
}  // namespace ditmesh
