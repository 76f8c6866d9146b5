#pragma once
// What a link gives to programs, from what it is signalled at: for sources that say no more than that.

#include <string_view>

#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// One direction of a PCIe link of so many lanes, each of `gigatransfers_per_s` (2.5, 5, 8, 16, 32, 64); a
/// link without bandwidth or latency if one of the two is not known (zero or less).
///
/// Bits on the wire to bits of packets: 8b/10b below 8 GT/s, 128b/130b from there (PCI Express Base
/// Specification 3.0, 4.2); from 64 GT/s on a flit of 256 bytes carries 236 of packets, which with the share
/// of empty slots is about 0.94 of the rate of 128b/130b's day. Of the packets 0.85 is what is copied: a
/// packet of 256 bytes has some 26 of header, framing and checksum (0.91), the rest goes to acknowledgements
/// and flow control. That is what large copies between host and device reach: 13 of 15.75 GB/s at 8 GT/s x
/// 16, 26 of 31.5 at 16.
///
/// The latency, 1 µs, is the order of a small copy that is on its way already; starting one costs more.
Link pcie_link(double gigatransfers_per_s, int lanes);

/// The same from what sysfs and NCCL write: "16.0 GT/s PCIe" or "16 GT/s", and "16"; no link for anything
/// else.
Link pcie_link(std::string_view speed, std::string_view width);

}  // namespace ditmesh
