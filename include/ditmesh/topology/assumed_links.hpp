#pragma once
// What is taken for links whose speed nobody says.

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// Fills in every link of bandwidth 0 but switches' uplinks: by the device's model, the NIC's kind, or what
/// is common. Measured or described numbers are better.
Cluster with_assumed_links(Cluster cluster);

}  // namespace ditmesh
