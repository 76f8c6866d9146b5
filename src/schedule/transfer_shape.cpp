#include "transfer_shape.hpp"

#include <algorithm>

namespace ditmesh {

namespace {

void take_loads(const std::map<int, double>& flows, TransferShape& shape) {
  for (const auto& [link, count] : flows) shape.loads.push_back({link, count});
}

}  // namespace

void TransferShapes::add_flow(int from, int to, std::map<int, double>& flows, TransferShape& shape) const {
  const Route route = router_.route(devices_[static_cast<size_t>(from)], devices_[static_cast<size_t>(to)]);
  const double share = link_share_(route.level);
  for (const int link : route.links) flows[link] += 1 / share;
  // Narrower than its links where data goes through the host's memory.
  const double most_bytes_per_s = route.bytes_per_s * share;
  if (most_bytes_per_s > 0 && (shape.most_bytes_per_s == 0 || most_bytes_per_s < shape.most_bytes_per_s)) {
    shape.most_bytes_per_s = most_bytes_per_s;
  }
  shape.level = std::max(shape.level, route.level);
  shape.latency_s = std::max(shape.latency_s, route.latency_s);
  shape.num_flows += 1;
  shape.flows[static_cast<size_t>(route.level)] += 1;
}

const TransferShape& TransferShapes::of_verb(int group, const std::vector<int>& ranks, Pattern pattern) {
  const auto [it, is_new] = verbs_.try_emplace({group, pattern});
  TransferShape& shape = it->second;
  if (!is_new) return shape;
  std::map<int, double> flows;
  const size_t size = ranks.size();
  if (pattern == Pattern::all_to_all) {
    for (const int from : ranks) {
      for (const int to : ranks) {
        if (from != to) add_flow(from, to, flows, shape);
      }
    }
  } else {
    // Around the ring; a broadcast begins at the last rank and does not come back to it.
    const size_t num_flows = pattern == Pattern::broadcast ? size - 1 : size;
    for (size_t i = 0; i < num_flows; ++i) add_flow(ranks[(i + size - 1) % size], ranks[i], flows, shape);
    if (pattern != Pattern::exchange) shape.latency_s *= static_cast<double>(size - 1);
  }
  take_loads(flows, shape);
  return shape;
}

const TransferShape& TransferShapes::of_message(int from, int to) {
  const auto [it, is_new] = messages_.try_emplace({from, to});
  if (is_new) {
    std::map<int, double> flows;
    add_flow(from, to, flows, it->second);
    take_loads(flows, it->second);
  }
  return it->second;
}

double TransferShapes::flow_bytes(Pattern pattern, size_t num_ranks, double all_bytes, double most_bytes) {
  const auto ranks = static_cast<double>(num_ranks);
  switch (pattern) {
    case Pattern::all_gather:
    case Pattern::reduce_scatter:
      return all_bytes / ranks;
    case Pattern::broadcast:
      return all_bytes / (ranks - 1);
    case Pattern::exchange:
      return most_bytes;
    case Pattern::all_to_all:
      return most_bytes / (ranks - 1);
  }
  return most_bytes;
}

}  // namespace ditmesh
