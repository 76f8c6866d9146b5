#include "calibrate.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <vector>

#include "ditmesh/base/seconds.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/kernels/device.hpp"
#include "ditmesh/topology/cluster_json.hpp"

namespace ditmesh {

namespace {

// Sizes of FLUX.1 on a GPU; on a core what it does in a second.
struct Sizes {
  int64_t width;
  std::vector<int64_t> product_rows;
  int64_t heads;
  int64_t head_dim;
  std::vector<int64_t> attention_rows;
  int64_t key_rows;
  int64_t channels;
  int64_t pixels;
  int64_t copied_bytes;
};

Sizes sizes_for(bool is_gpu) {
  if (is_gpu)
    return {3072,
            {32, 128, 256, 512, 1024, 2048, 4608, 18432},
            24,
            128,
            {144, 288, 576, 1152, 2304, 4608},
            4608,
            512,
            256,
            int64_t{256} << 20};
  return {512, {16, 64, 256, 1024}, 8, 64, {64, 256, 1024}, 1024, 64, 128, int64_t{32} << 20};
}

class Calibration {
 public:
  explicit Calibration(const RankDevice& device)
      : options_(device.options()),
        device_(options_.device()),
        is_gpu_(device_.is_cuda()),
        sizes_(sizes_for(is_gpu_)) {}

  DeviceModel measure(const std::string& model_name, const std::string& dtype, uint64_t memory_bytes) {
    warm_up();
    std::vector<std::pair<double, double>> products;  // rows, operations a second
    for (const int64_t rows : sizes_.product_rows) products.emplace_back(rows, product_flops(rows));
    std::vector<std::pair<double, double>> attentions;
    for (const int64_t rows : sizes_.attention_rows)
      attentions.emplace_back(rows * sizes_.heads, attention_flops(rows));
    const double convolution = convolution_flops();
    const double copied_bytes_per_s = copy_bytes_per_s();

    auto model = recognise_device_model(model_name, {}).value_or(DeviceModel());
    if (model.name.empty()) model = unknown_model(model_name);
    double most_flops = convolution;
    for (const auto& list : {products, attentions}) {
      for (const auto& [rows, flops] : list) most_flops = std::max(most_flops, flops);
    }
    double& peak = model.peak_flops[dtype];
    peak = std::max(peak, most_flops);
    model.memory_bytes_per_s = std::max(model.memory_bytes_per_s, copied_bytes_per_s);
    if (model.memory_bytes == 0) model.memory_bytes = std::max<uint64_t>(memory_bytes, 1);
    MeasuredSpeed measured;
    for (const auto& [rows, flops] : products) measured.gemm.points.push_back({rows, rounded(flops / peak)});
    for (const auto& [rows, flops] : attentions)
      measured.attention.points.push_back({rows, rounded(flops / peak)});
    measured.convolution = rounded(convolution / peak);
    measured.memory = rounded(copied_bytes_per_s / model.memory_bytes_per_s);
    measured.kernel_s = std::max(1e-7, std::round(kernel_s() * 1e7) / 1e7);
    model.measured = measured;
    return model;
  }

 private:
  static double rounded(double share) { return std::max(0.0001, std::round(share * 1e4) / 1e4); }

  DeviceModel unknown_model(const std::string& name) const {
    DeviceModel model;
    model.kind = is_gpu_ ? DeviceKind::gpu : DeviceKind::cpu;
    model.name = is_gpu_ ? "gpu" : "cpu-core";
    model.also_called = {name};
    return model;
  }

  at::Tensor random(at::IntArrayRef shape) const { return at::rand(shape, options_); }

  // The median of some rounds of many calls each, so that starting and waiting do not count.
  double seconds_of(const std::function<void()>& call) const {
    constexpr int kRounds = 5;
    const double round_s = is_gpu_ ? 0.02 : 0.1;
    call();
    int calls = 1;
    std::vector<double> times;
    while (static_cast<int>(times.size()) < kRounds) {
      synchronize(device_);
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < calls; ++i) call();
      synchronize(device_);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (times.empty() && seconds < round_s && calls < (1 << 16)) {
        calls *= 2;
        continue;
      }
      times.push_back(seconds / calls);
    }
    std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
    return times[kRounds / 2];
  }

  // Clocks rise, and caches of kernels fill.
  void warm_up() const {
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() <
           (is_gpu_ ? 1.0 : 0.2))
      product_flops(sizes_.product_rows.back());
  }

  // Of the layers of a block: C to 3C, C to 4C, 4C to C.
  double product_flops(int64_t rows) const {
    const int64_t width = sizes_.width;
    double flops = 0;
    double seconds = 0;
    for (const auto& [in, out] :
         {std::pair(width, 3 * width), std::pair(width, 4 * width), std::pair(4 * width, width)}) {
      const at::Tensor x = random({rows, in});
      const at::Tensor weight = random({out, in});
      seconds += seconds_of([&] { at::linear(x, weight); });
      flops += 2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
    }
    return flops / seconds;
  }

  double attention_flops(int64_t rows) const {
    const at::Tensor q = random({1, sizes_.heads, rows, sizes_.head_dim});
    const at::Tensor k = random({1, sizes_.heads, sizes_.key_rows, sizes_.head_dim});
    const double seconds = seconds_of([&] { at::scaled_dot_product_attention(q, k, k); });
    return 4.0 * static_cast<double>(rows * sizes_.key_rows * sizes_.heads * sizes_.head_dim) / seconds;
  }

  double convolution_flops() const {
    const int64_t channels = sizes_.channels;
    const at::Tensor x = random({1, channels, sizes_.pixels, sizes_.pixels});
    const at::Tensor weight = random({channels, channels, 3, 3});
    const double seconds = seconds_of([&] { at::conv2d(x, weight, {}, {1, 1}, {1, 1}); });
    return 2.0 * 9 * static_cast<double>(channels * channels) *
           static_cast<double>(sizes_.pixels * sizes_.pixels) / seconds;
  }

  double copy_bytes_per_s() const {
    const at::Tensor from =
        at::zeros({sizes_.copied_bytes / static_cast<int64_t>(options_.dtype().itemsize())}, options_);
    at::Tensor to = at::empty_like(from);
    return 2.0 * static_cast<double>(sizes_.copied_bytes) / seconds_of([&] { to.copy_(from); });
  }

  double kernel_s() const {
    at::Tensor small = at::zeros({16}, options_);
    return seconds_of([&] { small.add_(1); });
  }

  at::TensorOptions options_;
  at::Device device_;
  bool is_gpu_;
  Sizes sizes_;
};

}  // namespace

DeviceModel calibrate(const RankDevice& device) {
  const at::Device where = device.options().device();
  const uint64_t memory_bytes = where.is_cuda() ? memory_of(where).total_bytes : 0;
  if (where.is_cuda())
    return Calibration(device).measure(device.model_name(), device.dtype_name(), memory_bytes);
  DeviceModel core =
      Calibration(device).measure({}, device.dtype_name(), find_device_model("cpu-core").memory_bytes);
  core.also_called = {device.model_name()};
  return core;
}

}  // namespace ditmesh
