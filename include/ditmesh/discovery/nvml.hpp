#pragma once
// What NVIDIA's management library says of the GPUs of this host.

#include <cstdint>
#include <string>
#include <vector>

namespace ditmesh {

struct NvmlLink {
  enum class To { gpu, nvswitch };
  To to = To::gpu;
  std::string bus_id{};  // of the other end

  bool operator==(const NvmlLink&) const = default;
};

struct NvmlGpu {
  std::string name{};    // "NVIDIA H100 80GB HBM3"
  std::string uuid{};    // "GPU-…"
  std::string bus_id{};  // "0000:0f:00.0", lower case
  std::string pci_id{};  // "0x2330"
  uint64_t memory_bytes = 0;
  std::vector<NvmlLink> nvlinks{};  // those that are up
  std::string fault{};              // why it should not be used; empty: healthy

  bool operator==(const NvmlGpu&) const = default;
};

/// All GPUs that the driver shows this process, by PCI address; none where there is no NVML. The library is
/// loaded at run time. `problem` says why a library that is there does not answer, or is empty.
std::vector<NvmlGpu> read_nvml(std::string& problem);

/// On their way between processes.
std::string to_text(const std::vector<NvmlGpu>& gpus);
std::vector<NvmlGpu> gpus_from_text(const std::string& text);

/// What several processes of a host see together, by PCI address: batch systems may show each its own GPUs
/// alone.
std::vector<NvmlGpu> unite(const std::vector<std::vector<NvmlGpu>>& seen);

}  // namespace ditmesh
