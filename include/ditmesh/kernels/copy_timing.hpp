#pragma once
// How long copies between a device and the host, or two devices, take.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ditmesh {

struct CopyTimes {
  std::vector<double> latency_s;    // of 8 bytes, with the wait for them
  std::vector<double> bytes_per_s;  // of `bytes`
  int64_t bytes = 0;
};

/// From one device's memory to another's; the host's memory is pinned where the other is a GPU. The first
/// copies are not counted.
CopyTimes time_copies(const at::Device& from, const at::Device& to);

}  // namespace ditmesh
