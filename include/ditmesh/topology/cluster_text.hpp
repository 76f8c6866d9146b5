#pragma once
// A cluster as a picture in text.

#include <string>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// The tree of each type of node, how near its devices are to each other, the nodes and the network. "~"
/// stands before speeds that the cluster does not say, so that they are assumed.
std::string to_text(const Cluster& cluster);

}  // namespace ditmesh
