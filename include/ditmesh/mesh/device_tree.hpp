#pragma once
// Which devices are near each other: the cluster's devices in an order in which neighbours stand together.

#include <vector>

#include "ditmesh/topology/route.hpp"

namespace ditmesh {

/// Devices in order, and sets of them that are nearer to each other than to the others. Sets nest, and each
/// is a run of the order.
///
///   8 GPUs, two on each PCIe switch, four on each socket:
///   devices 0 1 2 3 4 5 6 7     sets [0, 2) [2, 4) [0, 4) [4, 6) [6, 8) [4, 8) [0, 8)
struct DeviceTree {
  struct Set {
    int begin = 0;  // of devices
    int end = 0;
    Level level = Level::self;  // the farthest way within

    bool operator==(const Set&) const = default;
  };

  std::vector<DeviceId> devices{};
  std::vector<Set> sets{};  // inner ones before those that hold them; the last holds all

  bool operator==(const DeviceTree&) const = default;
};

/// Of these devices of the router's cluster: within a node by the time a message takes, between nodes by
/// NVLink domain, leaf switches and what is above them.
DeviceTree device_tree(const Router& router, const std::vector<DeviceId>& devices);

}  // namespace ditmesh
