#include "ditmesh/kernels/copy_timing.hpp"

#include <ATen/Context.h>
#include <ATen/ops/empty.h>

#include "ditmesh/base/seconds.hpp"
#include "ditmesh/kernels/device.hpp"

namespace ditmesh {

namespace {

constexpr int64_t kSmallBytes = 8;
constexpr int64_t kLargeBytes = int64_t{64} << 20;  // 1 ms at 64 GB/s
constexpr int kSmallWarmUps = 20;
constexpr int kSmallRepeats = 100;
constexpr int kLargeWarmUps = 2;
constexpr int kLargeRepeats = 9;

at::Tensor memory_on(const at::Device& device, int64_t bytes, bool is_pinned) {
  const auto options = at::TensorOptions(at::kByte).device(device);
  return at::empty({bytes}, is_pinned ? options.pinned_memory(true) : options).fill_(1);
}

std::vector<double> time(const at::Device& from, const at::Device& to, int64_t bytes, int warm_ups,
                         int repeats) {
  const bool is_pinned = from.is_cuda() || to.is_cuda();
  const at::Tensor source = memory_on(from, bytes, is_pinned && from.is_cpu());
  const at::Tensor target = memory_on(to, bytes, is_pinned && to.is_cpu());
  const auto wait = [&] {
    synchronize(from);
    synchronize(to);
  };
  std::vector<double> seconds;
  for (int i = -warm_ups; i < repeats; ++i) {
    wait();
    const int64_t start_ns = nanoseconds_now();
    target.copy_(source, true);
    wait();
    if (i >= 0) seconds.push_back(static_cast<double>(nanoseconds_now() - start_ns) * 1e-9);
  }
  return seconds;
}

}  // namespace

CopyTimes time_copies(const at::Device& from, const at::Device& to) {
  CopyTimes times;
  times.latency_s = time(from, to, kSmallBytes, kSmallWarmUps, kSmallRepeats);
  times.bytes = kLargeBytes;
  for (const double seconds : time(from, to, kLargeBytes, kLargeWarmUps, kLargeRepeats))
    times.bytes_per_s.push_back(static_cast<double>(kLargeBytes) / seconds);
  return times;
}

}  // namespace ditmesh
