#include "ditmesh/topology/typical_links.hpp"

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr double kBitsPerByte = 8;
constexpr double kCopiedShareOfPackets = 0.85;
constexpr double kLatency_s = 1e-6;

double packet_share_of_wire(double gigatransfers_per_s) {
  if (gigatransfers_per_s < 8) return 8.0 / 10;
  if (gigatransfers_per_s < 64) return 128.0 / 130;
  return 0.94;
}

}  // namespace

Link pcie_link(double gigatransfers_per_s, int lanes) {
  if (!(gigatransfers_per_s > 0) || lanes <= 0) return {};
  const double bits_per_s = gigatransfers_per_s * 1e9 * lanes * packet_share_of_wire(gigatransfers_per_s);
  return {bits_per_s / kBitsPerByte * kCopiedShareOfPackets, kLatency_s};
}

Link pcie_link(std::string_view speed, std::string_view width) {
  constexpr int64_t kMostLanes = 32;
  speed = trim(speed);
  const auto gigatransfers = parse_double(speed.substr(0, speed.find(' ')));
  const auto lanes = parse_int(trim(width));
  const bool in_gigatransfers =
      speed.find(' ') == std::string_view::npos || speed.find(" GT/s") != std::string_view::npos;
  if (!gigatransfers || !lanes || !in_gigatransfers || *lanes < 0 || *lanes > kMostLanes) return {};
  return pcie_link(*gigatransfers, static_cast<int>(*lanes));
}

}  // namespace ditmesh
