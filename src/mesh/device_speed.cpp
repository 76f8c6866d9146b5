#include "ditmesh/mesh/device_speed.hpp"

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"

namespace ditmesh {

namespace {

const char* name_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::fp32:
      return "fp32";
    case Dtype::fp16:
      return "fp16";
    case Dtype::bf16:
      return "bf16";
  }
  return "?";
}

// One core needs no company: its shares do not depend on rows.
MeasuredSpeed typical_core() { return {{{{1, 0.8}}}, {{{1, 0.6}}}, 0.6, 0.8, 2e-6}; }

// Products of few rows are limited by the weights that are read, and by tiles too few for all
// multiprocessors, of which large GPUs have about as many as each other.
MeasuredSpeed typical_gpu(double flops_per_byte) {
  static const DeviceModel kMeasured = find_device_model("h100-sxm");
  MeasuredSpeed typical = kMeasured.measured.value();
  const double size = flops_per_byte / (kMeasured.peak_flops.at("bf16") / kMeasured.memory_bytes_per_s);
  for (CurvePoint& point : typical.gemm.points) point.x *= size;
  for (CurvePoint& point : typical.attention.points) point.x *= size;
  return typical;
}

}  // namespace

DeviceSpeed::DeviceSpeed(const DeviceModel& model, Dtype dtype) {
  const auto peak = model.peak_flops.find(name_of(dtype));
  if (peak == model.peak_flops.end() || model.memory_bytes_per_s == 0) {
    throw ConfigError(
        cat("nothing is known of how fast a ", model.name, " is in ", name_of(dtype)),
        "describe it under 'device_models' (peak_teraflops, memory_gigabytes_per_s), or measure it: "
        "ditmesh bench --calibrate");
  }
  peak_flops_ = peak->second;
  measured_ = model.measured                  ? *model.measured
              : model.kind == DeviceKind::cpu ? typical_core()
                                              : typical_gpu(peak_flops_ / model.memory_bytes_per_s);
  bytes_per_s_ = model.memory_bytes_per_s * measured_.memory;
}

double DeviceSpeed::gemm_s(double flops, double rows) const {
  return flops == 0 ? 0 : flops / (peak_flops_ * measured_.gemm.at(rows));
}

double DeviceSpeed::attention_s(double flops, double rows_times_heads) const {
  return flops == 0 ? 0 : flops / (peak_flops_ * measured_.attention.at(rows_times_heads));
}

}  // namespace ditmesh
