#pragma once
// The device a rank computes on.

#include <ATen/core/Tensor.h>

#include <string>

namespace ditmesh {

/// CUDA devices this process sees; 0 in a build without CUDA.
int num_cuda_devices();

/// Makes `device` current, with exact fp32 products (no TF32), and gives the
/// host `threads` threads. Called once, before any tensor is made.
void use_device(const at::Device& device, int threads);

/// Waits until the device has done all work so far.
void synchronize(const at::Device& device);

/// "2.11.0".
std::string torch_version();

}  // namespace ditmesh
