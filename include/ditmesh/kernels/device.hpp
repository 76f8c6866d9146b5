#pragma once
// The device a rank computes on.

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ditmesh {

/// Whether this build can use CUDA devices, if there are some.
bool has_cuda_library();

/// CUDA devices this process sees; 0 in a build without CUDA.
int num_cuda_devices();

/// Their PCI addresses in their order, as the CUDA runtime spells them: "0000:0F:00.0". Where it does not
/// say, "visible0", "visible1", …: names within this process alone.
std::vector<std::string> visible_device_ids();

/// Makes `device` current, with exact fp32 products (no TF32), and gives the
/// host `threads` threads. Called once, before any tensor is made.
void use_device(const at::Device& device, int threads);

/// Waits until the device has done all work so far.
void synchronize(const at::Device& device);

struct DeviceMemory {
  uint64_t free_bytes = 0;
  uint64_t total_bytes = 0;
};
/// Of a GPU, whoever uses it.
DeviceMemory memory_of(const at::Device& gpu);

/// Bytes that the device's allocator has reserved; 0 on the CPU.
double reserved_bytes(const at::Device& device);

/// The most bytes that tensors held, and that the allocator had reserved, since reset_peak(); 0 on the CPU.
struct PeakMemory {
  uint64_t tensor_bytes = 0;
  uint64_t reserved_bytes = 0;
};
PeakMemory peak_memory(const at::Device& device);
/// Also gives back what is reserved and not used.
void reset_peak(const at::Device& device);

/// Moments of the device's work, taken without the host waiting for it: on a GPU by events on its stream.
class DeviceTimer {
 public:
  explicit DeviceTimer(const at::Device& device) : device_(device) {}

  void mark();
  /// Each mark's time by the host's steady clock, in ns. After synchronize(): a GPU's clock is tied to the
  /// host's at the last mark, so it has no more than the time of that call as its error.
  std::vector<int64_t> times_ns() const;

 private:
  at::Device device_;
  std::vector<c10::Event> events_;  // of a GPU
  std::vector<int64_t> host_ns_;    // of the CPU
};

/// "2.11.0".
std::string torch_version();

}  // namespace ditmesh
