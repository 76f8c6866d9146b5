#pragma once

#include <string>
#include <vector>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// What a reader found of one node.
struct NodeReading {
  NodeType type{};
  std::vector<std::string>
      remarks{};  // for the user, a sentence each: what was assumed or contradicts itself
};

}  // namespace ditmesh
