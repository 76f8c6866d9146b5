#include "ditmesh/kernels/device.hpp"

#include <dlfcn.h>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/headeronly/version.h>

#include <array>
#include <cmath>

#include "ditmesh/base/seconds.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

bool has_cuda_library() { return at::globalContext().hasCUDART(); }

int num_cuda_devices() {
  if (!at::hasCUDA()) return 0;
  return static_cast<int>(c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount());
}

std::vector<std::string> visible_device_ids() {
  // Of the runtime that LibTorch's CUDA brings; a build without CUDA has none.
  using GetBusId = int(char* text, int size, int ordinal);
  auto* const get_bus_id = reinterpret_cast<GetBusId*>(::dlsym(RTLD_DEFAULT, "cudaDeviceGetPCIBusId"));
  std::vector<std::string> ids;
  for (int ordinal = 0; ordinal < num_cuda_devices(); ++ordinal) {
    std::array<char, 32> text{};
    const bool is_told = get_bus_id != nullptr && get_bus_id(text.data(), text.size(), ordinal) == 0;
    ids.push_back(is_told ? std::string(text.data()) : cat("visible", ordinal));
  }
  return ids;
}

void use_device(const at::Device& device, int threads) {
  at::set_num_threads(threads);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  if (device.is_cuda()) c10::impl::VirtualGuardImpl(at::kCUDA).setDevice(device);
}

void synchronize(const at::Device& device) {
  if (device.is_cuda()) c10::impl::VirtualGuardImpl(at::kCUDA).synchronizeDevice(device.index());
}

DeviceMemory memory_of(const at::Device& gpu) {
  at::globalContext().lazyInitDevice(gpu.type());
  const auto [free, total] = at::getDeviceAllocator(gpu.type())->getMemoryInfo(gpu.index());
  return {free, total};
}

double reserved_bytes(const at::Device& device) {
  if (device.is_cpu()) return 0;
  auto* const allocator = at::getDeviceAllocator(device.type());
  if (!allocator->initialized()) return 0;  // nothing was put on the device yet
  const auto stats = allocator->getDeviceStats(device.index());
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return static_cast<double>(stats.reserved_bytes[kAll].current);
}

PeakMemory peak_memory(const at::Device& device) {
  if (device.is_cpu()) return {};
  const auto stats = at::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return {static_cast<uint64_t>(stats.allocated_bytes[kAll].peak),
          static_cast<uint64_t>(stats.reserved_bytes[kAll].peak)};
}

void reset_peak(const at::Device& device) {
  if (device.is_cpu()) return;
  at::globalContext().lazyInitDevice(device.type());
  at::getDeviceAllocator(device.type())->emptyCache();
  at::getDeviceAllocator(device.type())->resetPeakStats(device.index());
}

void DeviceTimer::mark() {
  if (device_.is_cpu()) {
    host_ns_.push_back(nanoseconds_now());
    return;
  }
  const c10::impl::VirtualGuardImpl device(device_.type());
  c10::Event& event = events_.emplace_back(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  event.record(device.getStream(device_));
}

std::vector<int64_t> DeviceTimer::times_ns() const {
  if (device_.is_cpu()) return host_ns_;
  const int64_t last_ns = nanoseconds_now();
  std::vector<int64_t> times;
  for (const c10::Event& event : events_) {
    const double before_ms = &event == &events_.back() ? 0 : event.elapsedTime(events_.back());
    times.push_back(last_ns - std::llround(before_ms * 1e6));
  }
  return times;
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace ditmesh
