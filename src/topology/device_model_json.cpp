#include <algorithm>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/shipped.hpp"
#include "link_json.hpp"

namespace ditmesh {

namespace {

DeviceKind device_kind(const JsonObject& object) {
  const auto kind = object.get_or<std::string>("kind", "gpu");
  if (kind == "gpu") return DeviceKind::gpu;
  if (kind == "cpu") return DeviceKind::cpu;
  throw ConfigError(cat(object.name(), ": field 'kind' is '", kind, "', it must be gpu or cpu"));
}

}  // namespace

DeviceModel device_model_from_json(const Json& json, const std::string& name, const std::string& where) {
  const JsonObject object(json, where);
  object.allow_only({"kind", "also_called", "pci_ids", "memory_bytes", "memory_gigabytes_per_s",
                     "peak_teraflops", "nvlink", "pcie"});
  DeviceModel model;
  model.name = name;
  model.kind = device_kind(object);
  model.also_called = object.get_or<std::vector<std::string>>("also_called", {});
  model.pci_ids = object.get_or<std::vector<std::string>>("pci_ids", {});
  model.memory_bytes = static_cast<uint64_t>(object.dimension("memory_bytes"));
  if (object.has("memory_gigabytes_per_s")) {
    model.memory_bytes_per_s = positive(object, "memory_gigabytes_per_s") * kGiga;
  }
  const Json none = Json::object();
  const JsonObject peaks(object.has("peak_teraflops") ? object.at("peak_teraflops") : none,
                         cat(where, ": peak_teraflops"));
  peaks.allow_only({"fp32", "fp16", "bf16", "fp8"});
  for (const auto& [dtype, unused] : peaks.json().items())
    model.peak_flops[dtype] = positive(peaks, dtype) * kTera;
  if (object.has("nvlink")) model.nvlink = link_from_json(object.at("nvlink"), cat(where, ": nvlink"));
  if (object.has("pcie")) model.pcie = link_from_json(object.at("pcie"), cat(where, ": pcie"));
  return model;
}

OrderedJson to_json(const DeviceModel& model) {
  OrderedJson json;
  json["kind"] = model.kind == DeviceKind::gpu ? "gpu" : "cpu";
  if (!model.also_called.empty()) json["also_called"] = model.also_called;
  if (!model.pci_ids.empty()) json["pci_ids"] = model.pci_ids;
  json["memory_bytes"] = model.memory_bytes;
  if (model.memory_bytes_per_s > 0) json["memory_gigabytes_per_s"] = neat(model.memory_bytes_per_s / kGiga);
  for (const auto& [dtype, flops] : model.peak_flops) json["peak_teraflops"][dtype] = neat(flops / kTera);
  if (model.nvlink != Link{}) json["nvlink"] = link_to_json(model.nvlink);
  if (model.pcie != Link{}) json["pcie"] = link_to_json(model.pcie);
  return json;
}

DeviceModel find_device_model(const std::string& name) {
  const auto& models = shipped_device_models();
  const auto found = models.find(name);
  if (found == models.end()) {
    std::vector<std::string> names;
    for (const auto& [known, unused] : models) names.push_back(known);
    throw ConfigError(cat("the device model '", name, "' is unknown", did_you_mean(name, names)),
                      cat("describe it under 'device_models', or name one of ", join(names, ", ")));
  }
  const std::string where = cat("topology/devices/", name, ".json");
  return device_model_from_json(parse_json(found->second, where), name, where);
}

std::optional<DeviceModel> recognise_device_model(const std::string& driver_name, const std::string& pci_id) {
  const auto has = [](const std::vector<std::string>& all, const std::string& one) {
    return !one.empty() && std::find(all.begin(), all.end(), one) != all.end();
  };
  for (const auto& [name, unused] : shipped_device_models()) {
    DeviceModel model = find_device_model(name);
    if (has(model.also_called, driver_name) || has(model.pci_ids, pci_id)) return model;
  }
  return std::nullopt;
}

}  // namespace ditmesh
