#pragma once
// Which ranks time transfers with which, and what follows from the times.

#include <string>
#include <utility>
#include <vector>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// Pairs of ranks that transfer at the same time, round by round: no rank stands in two pairs of a round. On
/// each node every two ranks meet, of more than 16 those of 16 spread over the node; then the first ranks of
/// every two nodes meet, of more than 64 nodes each meets 63 others. `nodes`: the node of each rank.
///
///   a a b b → {0-1, 2-3}, {0-2}
///   a a a   → {1-2}, {0-2}, {0-1} in some order
std::vector<std::vector<std::pair<int, int>>> measuring_rounds(const std::vector<std::string>& nodes);

/// `values` are not empty.
Spread spread_of(std::vector<double> values);

/// Adds the measurements, and gives links the figures that they can be told from: those of MPI between nodes,
/// to the NIC of a node type that has one plugged in. A NIC is at least as fast as the fastest way over it,
/// and at most as slow: the best medians count.
Cluster with_measurements(Cluster cluster, std::vector<Measurement> measured);

/// The measurements as a table; many of a kind as one line with the slowest pair named.
std::string measured_text(const Cluster& cluster);

}  // namespace ditmesh
