#pragma once
// How long a device takes for operations of a kind.

#include <string>

#include "ditmesh/mesh/workload.hpp"
#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

class DeviceSpeed {
 public:
  /// A model that was not measured gets the shares of the H100, at rows in proportion to what it computes for
  /// a byte of memory. Throws ConfigError if peak or bandwidth are unknown.
  DeviceSpeed(const DeviceModel& model, Dtype dtype);

  /// A matrix product of `rows` rows of activations, in s. Where the other matrix is a slice of what a layer
  /// has, `rows` counts as much less.
  double gemm_s(double flops, double rows) const;
  double attention_s(double flops, double rows_times_heads) const;
  double convolution_s(double flops) const { return flops / (peak_flops_ * measured_.convolution); }
  /// `bytes` read and written.
  double memory_s(double bytes) const { return bytes / bytes_per_s_; }
  double kernel_s() const { return measured_.kernel_s; }

 private:
  double peak_flops_ = 0;
  double bytes_per_s_ = 0;
  MeasuredSpeed measured_;
};

}  // namespace ditmesh
