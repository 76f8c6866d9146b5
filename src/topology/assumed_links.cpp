#include "ditmesh/topology/assumed_links.hpp"

#include <algorithm>

namespace ditmesh {

namespace {

constexpr Link kPcie = {12e9, 1e-6};    // 3.0 × 16
constexpr Link kSocket = {40e9, 1e-6};  // between NUMA domains

Link network_link(NicKind kind) {
  switch (kind) {
    case NicKind::infiniband:
      return {24e9, 2e-6};  // HDR
    case NicKind::slingshot:
      return {24e9, 2e-6};  // Slingshot 11
    case NicKind::roce:
      return {12e9, 3e-6};
    case NicKind::efa:
      return {12e9, 15e-6};
    case NicKind::ethernet:
      return {1.2e9, 30e-6};  // 10 Gb/s over TCP
    case NicKind::unknown:
      return {12e9, 5e-6};
  }
  return {};
}

void fill(Link& link, const Link& assumed) {
  if (link.bytes_per_s == 0) link.bytes_per_s = assumed.bytes_per_s;
  if (link.latency_s == 0) link.latency_s = assumed.latency_s;
}

}  // namespace

Cluster with_assumed_links(Cluster cluster) {
  for (NodeType& type : cluster.types) {
    Link fastest = {};
    for (Device& device : type.devices) {
      if (const auto model = cluster.models.find(device.model); model != cluster.models.end()) {
        fill(device.pcie, model->second.pcie);
      }
      fill(device.pcie, kPcie);
      if (device.pcie.bytes_per_s > fastest.bytes_per_s) fastest = device.pcie;
    }
    fill(fastest, kPcie);
    for (Place& place : type.places) fill(place.uplink, place.kind == PlaceKind::numa ? kSocket : fastest);
    for (Nic& nic : type.nics) fill(nic.link, network_link(nic.kind));
  }
  return cluster;
}

}  // namespace ditmesh
