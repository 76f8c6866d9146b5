// Readers on what real machines printed; see samples_folder.hpp.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/nccl_xml.hpp"
#include "ditmesh/topology/nvidia_smi.hpp"
#include "topology/samples_folder.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using ::testing::UnorderedElementsAreArray;

class Samples : public testing::SamplesTest {
 protected:
  void SetUp() override {
    SamplesTest::SetUp();
    if (!IsSkipped()) index_ = read_json_file(folder_ / "index.json");
  }

  // Calls `check(name, text, expected)` for each file of the index in `part`; there must be some.
  template <typename Check>
  void for_each(const std::string& part, Check check) {
    int count = 0;
    for (const auto& [name, expected] : index_.items()) {
      if (!name.starts_with(part)) continue;
      SCOPED_TRACE(name);
      check(name, read_file(folder_ / name), expected);
      ++count;
    }
    EXPECT_GT(count, 0) << part;
  }

 private:
  Json index_;
};

void expect_valid(const NodeReading& reading) {
  Cluster cluster;
  cluster.types = {reading.type};
  cluster.types[0].name = "type";
  cluster.nodes = {{.name = "node", .leaves = std::vector<int>(reading.type.nics.size(), -1)}};
  EXPECT_NO_THROW(check_cluster(cluster));
}

// "0-1" → links between gpu0 and gpu1, direct ones and those through NVSwitches.
std::map<std::string, int> links_by_pair(const NodeType& type, bool through_switches) {
  std::map<std::string, int> links;
  const auto number = [&](size_t device) { return type.devices[device].name.substr(3); };
  for (const NvlinkPair& pair : type.nvlinks) {
    links[cat(number(static_cast<size_t>(pair.a)), "-", number(static_cast<size_t>(pair.b)))] = pair.links;
  }
  for (size_t a = 0; through_switches && a < type.devices.size(); ++a) {
    for (size_t b = a + 1; b < type.devices.size(); ++b) {
      const int both = std::min(type.devices[a].nvswitch_links, type.devices[b].nvswitch_links);
      if (both > 0) links[cat(number(a), "-", number(b))] += both;
    }
  }
  return links;
}

const Place* domain_of(const NodeType& type, int place) {
  if (place == -1) return nullptr;
  const Place* at = &type.places[static_cast<size_t>(place)];
  while (at->parent != -1) at = &type.places[static_cast<size_t>(at->parent)];
  return at;
}

std::set<int> numa_ids(const NodeType& type) {
  std::set<int> ids;
  for (const Place& place : type.places) {
    if (place.kind == PlaceKind::numa && place.numa_id != -1) ids.insert(place.numa_id);
  }
  return ids;
}

template <typename Things>
std::vector<std::string> names_of(const Things& things) {
  std::vector<std::string> names;
  for (const auto& thing : things) names.push_back(thing.name);
  return names;
}

TEST_F(Samples, OfNvidiaSmi) {
  for_each("nvidia_smi/", [](const std::string& name, const std::string& text, const Json& expected) {
    if (expected.value("not_topo_m", false)) {
      EXPECT_THAT(
          [&] { read_nvidia_smi_topo(text, name); },
          ThrowsMessage<ConfigError>(HasSubstr("is not the output of nvidia-smi topo -m: it looks like")));
      return;
    }
    const NodeReading reading = read_nvidia_smi_topo(text, name);
    const NodeType& type = reading.type;
    expect_valid(reading);
    EXPECT_EQ(type.devices.size(), expected.at("gpus").get<size_t>());
    EXPECT_EQ(names_of(type.nics), expected.at("nic_labels").get<std::vector<std::string>>());
    EXPECT_EQ(links_by_pair(type, true), (expected.at("nvlink").get<std::map<std::string, int>>()));
    if (expected.at("numa_affinity").is_null()) {
      EXPECT_TRUE(numa_ids(type).empty());
      return;
    }
    const auto affinity = expected.at("numa_affinity").get<std::vector<std::string>>();
    for (size_t i = 0; i < type.devices.size(); ++i) {
      const Place* domain = domain_of(type, type.devices[i].place);
      const int id = domain == nullptr ? -1 : domain->numa_id;
      EXPECT_EQ(id, parse_int(affinity[i]).value_or(-1)) << type.devices[i].name;
    }
  });
}

TEST_F(Samples, OfNccl) {
  for_each("nccl_xml/", [](const std::string& name, const std::string& text, const Json& expected) {
    if (expected.value("not_topology", false)) {
      EXPECT_THAT([&] { read_nccl_xml(text, name); },
                  ThrowsMessage<ConfigError>(HasSubstr("is not an NCCL topology (XML): it looks like")));
      return;
    }
    if (expected.contains("not_determinable")) {
      EXPECT_THAT([&] { read_nccl_xml(text, name); },
                  ThrowsMessage<ConfigError>(HasSubstr("does not tell GPUs from NICs")));
      return;
    }
    const NodeReading reading = read_nccl_xml(text, name);
    const NodeType& type = reading.type;
    expect_valid(reading);
    EXPECT_EQ(type.devices.size(), expected.at("gpus").get<size_t>());
    EXPECT_EQ(type.nics.size(), expected.at("nics").get<size_t>());
    std::vector<std::string> bus_ids;
    for (const Device& device : type.devices) bus_ids.push_back(device.bus_id);
    EXPECT_THAT(bus_ids,
                UnorderedElementsAreArray(expected.at("gpu_busids").get<std::vector<std::string>>()));
    EXPECT_EQ(links_by_pair(type, false), (expected.at("nvlink").get<std::map<std::string, int>>()));
    std::map<std::string, int> to_switches;
    for (const Device& device : type.devices) {
      if (device.nvswitch_links > 0) to_switches[device.name.substr(3)] = device.nvswitch_links;
    }
    EXPECT_EQ(to_switches, (expected.at("nvlink_to_switch_links_per_gpu").get<std::map<std::string, int>>()));
    std::set<int> ids;
    for (const Json& id : expected.at("numa_ids"))
      ids.insert(static_cast<int>(*parse_int(id.get<std::string>())));
    EXPECT_EQ(numa_ids(type), ids);
  });
}

// None of them may be taken for the other, nor crash the other's reader.
TEST_F(Samples, OfOtherKindsAreRefused) {
  for_each("", [](const std::string& name, const std::string& text, const Json&) {
    if (!name.starts_with("nvidia_smi/")) {
      EXPECT_THAT(
          [&] { read_nvidia_smi_topo(text, name); },
          ThrowsMessage<ConfigError>(HasSubstr("is not the output of nvidia-smi topo -m: it looks like")));
    }
    if (!name.starts_with("nccl_xml/")) {
      EXPECT_THAT([&] { read_nccl_xml(text, name); },
                  ThrowsMessage<ConfigError>(HasSubstr("is not an NCCL topology (XML): it looks like")));
    }
  });
}

}  // namespace
}  // namespace ditmesh
