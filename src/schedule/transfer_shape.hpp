#pragma once
// Over which links the ranks of a verb, or of a message, speak.

#include <array>
#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include "ditmesh/schedule/fluid_network.hpp"
#include "ditmesh/schedule/operation.hpp"
#include "ditmesh/topology/route.hpp"

namespace ditmesh {

/// Flows of equal bytes.
struct TransferShape {
  std::vector<FluidNetwork::Load> loads{};
  double most_bytes_per_s = 0;  // of a flow; 0: what the links give
  double latency_s = 0;         // of a call: the longest way, as often as it is gone one after the other
  double num_flows = 0;
  Level level = Level::self;                                          // of the dearest flow
  std::array<double, static_cast<size_t>(Level::spine) + 1> flows{};  // by level
};

/// Makes each shape once.
class TransferShapes {
 public:
  using LinkShare = std::function<double(Level)>;

  /// `link_share`: of the links' bandwidth, for transfers of a level.
  TransferShapes(const Router& router, const std::vector<DeviceId>& devices, LinkShare link_share)
      : router_(router), devices_(devices), link_share_(std::move(link_share)) {}

  /// Of a verb of these ranks. Stays where it is. `group`: a number of their own.
  const TransferShape& of_verb(int group, const std::vector<int>& ranks, Pattern pattern);
  const TransferShape& of_message(int from, int to);

  /// Bytes of each flow of a verb, from what its ranks send: all together, and the one that sends most.
  static double flow_bytes(Pattern pattern, size_t num_ranks, double all_bytes, double most_bytes);

 private:
  void add_flow(int from, int to, std::map<int, double>& flows, TransferShape& shape) const;

  const Router& router_;
  const std::vector<DeviceId>& devices_;
  LinkShare link_share_;
  std::map<std::pair<int, Pattern>, TransferShape> verbs_;
  std::map<std::pair<int, int>, TransferShape> messages_;
};

}  // namespace ditmesh
