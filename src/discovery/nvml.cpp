#include "ditmesh/discovery/nvml.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/bus_id.hpp"

namespace ditmesh {

namespace {

// The part of NVML's interface (nvml.h, stable since CUDA 11) that is used here. Declared anew, so that a
// build needs no CUDA.
using Device = void*;
using Result = int;
constexpr Result kSuccess = 0;

struct Memory {
  unsigned long long total, free, used;
};

struct PciInfo {
  char bus_id_legacy[16];
  unsigned int domain, bus, device, pci_device_id, pci_subsystem_id;
  char bus_id[32];
};

constexpr unsigned int kMaxNvlinks = 18;
constexpr int kFeatureEnabled = 1;
constexpr int kRemoteGpu = 0;
constexpr int kRemoteSwitch = 2;

class Nvml {
 public:
  Nvml() : library_(::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) return;
    const auto init = find<Result()>("nvmlInit_v2");
    result_ = init == nullptr ? -1 : init();
  }
  ~Nvml() {
    if (is_ready()) {
      if (const auto shutdown = find<Result()>("nvmlShutdown")) shutdown();
    }
    if (library_ != nullptr) ::dlclose(library_);
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  bool is_there() const { return library_ != nullptr; }
  bool is_ready() const { return library_ != nullptr && result_ == kSuccess; }

  std::string problem() const {
    const auto text = find<const char*(Result)>("nvmlErrorString");
    return cat("NVML does not answer: ", text == nullptr ? "it is of another kind" : text(result_));
  }

  // Whether the function is there and succeeds.
  template <typename... Parameters, typename... Arguments>
  bool call(const char* name, Result (*)(Parameters...), Arguments... arguments) const {
    const auto function = find<Result(Parameters...)>(name);
    return function != nullptr && function(arguments...) == kSuccess;
  }

  template <typename Signature>
  Signature* find(const char* name) const {
    return reinterpret_cast<Signature*>(::dlsym(library_, name));
  }

 private:
  void* library_;
  Result result_ = -1;
};

template <typename... Parameters>
constexpr Result (*kSignature)(Parameters...) = nullptr;

std::string address_of(const PciInfo& pci) { return bus_id_of(pci.domain, pci.bus, pci.device); }

std::string text_of(const Nvml& nvml, const char* name, Device device) {
  std::array<char, 128> text{};
  if (!nvml.call(name, kSignature<Device, char*, unsigned int>, device, text.data(),
                 static_cast<unsigned int>(text.size())))
    return {};
  return text.data();
}

std::vector<NvmlLink> nvlinks_of(const Nvml& nvml, Device device) {
  std::vector<NvmlLink> links;
  for (unsigned int link = 0; link < kMaxNvlinks; ++link) {
    int is_up = 0;
    if (!nvml.call("nvmlDeviceGetNvLinkState", kSignature<Device, unsigned int, int*>, device, link, &is_up))
      continue;
    if (is_up != kFeatureEnabled) continue;
    int kind = kRemoteSwitch;
    PciInfo remote{};
    nvml.call("nvmlDeviceGetNvLinkRemoteDeviceType", kSignature<Device, unsigned int, int*>, device, link,
              &kind);
    nvml.call("nvmlDeviceGetNvLinkRemotePciInfo_v2", kSignature<Device, unsigned int, PciInfo*>, device, link,
              &remote);
    if (kind == kRemoteGpu) links.push_back({NvmlLink::To::gpu, address_of(remote)});
    if (kind == kRemoteSwitch) links.push_back({NvmlLink::To::nvswitch, address_of(remote)});
  }
  return links;
}

std::string fault_of(const Nvml& nvml, Device device) {
  unsigned int corrected = 0;
  unsigned int uncorrected = 0;
  unsigned int is_pending = 0;
  unsigned int has_failed = 0;
  if (nvml.call("nvmlDeviceGetRemappedRows",
                kSignature<Device, unsigned int*, unsigned int*, unsigned int*, unsigned int*>, device,
                &corrected, &uncorrected, &is_pending, &has_failed) &&
      has_failed + is_pending != 0) {
    return has_failed != 0 ? "a row of its memory could not be remapped"
                           : "its memory waits for a reset to remap a row";
  }
  return {};
}

}  // namespace

std::vector<NvmlGpu> read_nvml(std::string& problem) {
  problem.clear();
  const Nvml nvml;
  if (!nvml.is_there()) return {};
  if (!nvml.is_ready()) {
    problem = nvml.problem();
    return {};
  }
  unsigned int count = 0;
  if (!nvml.call("nvmlDeviceGetCount_v2", kSignature<unsigned int*>, &count))
    problem = "NVML does not say how many GPUs there are";
  std::vector<NvmlGpu> gpus;
  for (unsigned int index = 0; index < count; ++index) {
    Device device = nullptr;
    PciInfo pci{};
    if (!nvml.call("nvmlDeviceGetHandleByIndex_v2", kSignature<unsigned int, Device*>, index, &device) ||
        !nvml.call("nvmlDeviceGetPciInfo_v3", kSignature<Device, PciInfo*>, device, &pci)) {
      problem = cat("NVML does not describe GPU ", index, ": it may have fallen off the bus");
      continue;
    }
    Memory memory{};
    nvml.call("nvmlDeviceGetMemoryInfo", kSignature<Device, Memory*>, device, &memory);
    std::array<char, 16> pci_id{};
    std::snprintf(pci_id.data(), pci_id.size(), "0x%04x", pci.pci_device_id >> 16);
    gpus.push_back({text_of(nvml, "nvmlDeviceGetName", device), text_of(nvml, "nvmlDeviceGetUUID", device),
                    address_of(pci), pci_id.data(), memory.total, nvlinks_of(nvml, device),
                    fault_of(nvml, device)});
  }
  std::sort(gpus.begin(), gpus.end(), [](const NvmlGpu& a, const NvmlGpu& b) { return a.bus_id < b.bus_id; });
  return gpus;
}

}  // namespace ditmesh
