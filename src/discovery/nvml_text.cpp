#include <map>

#include "ditmesh/base/json.hpp"
#include "ditmesh/discovery/nvml.hpp"

namespace ditmesh {

std::string to_text(const std::vector<NvmlGpu>& gpus) {
  Json json = Json::array();
  for (const NvmlGpu& gpu : gpus) {
    Json links = Json::array();
    for (const NvmlLink& link : gpu.nvlinks)
      links.push_back({{"to_gpu", link.to == NvmlLink::To::gpu}, {"bus_id", link.bus_id}});
    json.push_back({{"name", gpu.name},
                    {"uuid", gpu.uuid},
                    {"bus_id", gpu.bus_id},
                    {"pci_id", gpu.pci_id},
                    {"memory_bytes", gpu.memory_bytes},
                    {"nvlinks", links},
                    {"fault", gpu.fault}});
  }
  return json.dump();
}

std::vector<NvmlGpu> gpus_from_text(const std::string& text) {
  std::vector<NvmlGpu> gpus;
  for (const Json& json : Json::parse(text)) {
    NvmlGpu gpu;
    json.at("name").get_to(gpu.name);
    json.at("uuid").get_to(gpu.uuid);
    json.at("bus_id").get_to(gpu.bus_id);
    json.at("pci_id").get_to(gpu.pci_id);
    json.at("memory_bytes").get_to(gpu.memory_bytes);
    for (const Json& link : json.at("nvlinks")) {
      gpu.nvlinks.push_back({link.at("to_gpu").get<bool>() ? NvmlLink::To::gpu : NvmlLink::To::nvswitch,
                             link.at("bus_id").get<std::string>()});
    }
    json.at("fault").get_to(gpu.fault);
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

std::vector<NvmlGpu> unite(const std::vector<std::vector<NvmlGpu>>& seen) {
  std::map<std::string, NvmlGpu> all;
  for (const auto& gpus : seen) {
    for (const NvmlGpu& gpu : gpus) all.emplace(gpu.bus_id, gpu);
  }
  std::vector<NvmlGpu> united;
  for (const auto& [bus_id, gpu] : all) united.push_back(gpu);
  return united;
}

}  // namespace ditmesh
