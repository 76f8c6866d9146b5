#include "ditmesh/kernels/device.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/headeronly/version.h>

namespace ditmesh {

int num_cuda_devices() {
  if (!at::hasCUDA()) return 0;
  return static_cast<int>(c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount());
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

std::string torch_version() { return TORCH_VERSION; }

}  // namespace ditmesh
