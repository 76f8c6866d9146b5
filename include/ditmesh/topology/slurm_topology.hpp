#pragma once
// How Slurm describes the network: topology.conf and topology.yaml.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// What such a file says, in its own terms. Of the plug-ins tree, block, ring and flat it has one.
struct SlurmTopology {
  struct Switch {
    std::string name{};
    std::vector<std::string> nodes{};
    std::vector<std::string> children{};  // switches below; they may come later, or be missing

    bool operator==(const Switch&) const = default;
  };
  /// Nodes that are near each other: a base block of topology/block, or a ring of topology/ring.
  struct Group {
    std::string name{};
    std::vector<std::string> nodes{};

    bool operator==(const Group&) const = default;
  };

  std::string name{};  // of a topology in topology.yaml
  std::vector<Switch> switches{};
  std::vector<Group> blocks{};
  std::vector<int64_t> block_sizes{};  // nodes that count as near, from base blocks upwards
  std::vector<Group> rings{};
  std::vector<std::string> remarks{};  // what was left out, for the user

  /// Every node once, in order of appearance.
  std::vector<std::string> nodes() const;
  /// Switches that no other one has as a child.
  std::vector<std::string> roots() const;
};

/// topology.conf: lines of SwitchName, BlockName, RingName or BlockSizes. Keys in any case, comments,
/// continued lines and empty files are known. Throws ConfigError naming the line.
SlurmTopology read_slurm_topology_conf(std::string_view text, const std::string& name);

/// topology.yaml: the topology marked cluster_default, or else the first. Throws ConfigError.
SlurmTopology read_slurm_topology_yaml(std::string_view text, const std::string& name);

/// Nodes of the type `type` on the network that Slurm describes, every NIC plugged into the node's leaf.
/// Switches with the same children, as the spines of a fat tree, become one; links that lead back down (in
/// files where two switches name each other) are dropped; what was changed is said in `remarks`.
/// Base blocks become leaf switches under one switch for each of the larger block sizes.
Cluster cluster_of(const SlurmTopology& topology, const NodeType& type, std::vector<std::string>& remarks);

/// A node of which only the name is known: one NIC, no device.
NodeType unknown_node_type();

}  // namespace ditmesh
