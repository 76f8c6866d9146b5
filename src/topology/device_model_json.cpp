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

constexpr double kMostRows = 1e9;

// {"rows": [256, 4608], "share": [0.43, 0.7]}
Curve curve_from_json(const Json& json, const std::string& x_name, const std::string& where) {
  const JsonObject object(json, where);
  object.allow_only({x_name, "share"});
  const auto x = object.get<std::vector<double>>(x_name);
  const auto share = object.get<std::vector<double>>("share");
  if (x.size() != share.size() || x.empty()) {
    throw ConfigError(cat(where, ": '", x_name,
                          "' and 'share' must have as many numbers, at least one; they have ", x.size(),
                          " and ", share.size()));
  }
  Curve curve;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool is_next = x[i] > (i == 0 ? 0 : x[i - 1]) && x[i] <= kMostRows;
    if (!is_next || !(share[i] > 0) || share[i] > 1) {
      throw ConfigError(cat(where, ": '", x_name,
                            "' must ascend from above 0, 'share' be above 0 and at most 1; found ", x[i],
                            " with ", share[i]));
    }
    curve.points.push_back({x[i], share[i]});
  }
  return curve;
}

double share(const JsonObject& object, const std::string& key) {
  const double value = positive(object, key);
  if (value > 1)
    throw ConfigError(cat(object.name(), ": field '", key, "' is a share: at most 1, found ", value));
  return value;
}

MeasuredSpeed measured_from_json(const Json& json, const std::string& where) {
  const JsonObject object(json, where);
  object.allow_only({"gemm", "attention", "convolution_share", "memory_share", "kernel_microseconds"});
  MeasuredSpeed measured;
  measured.gemm = curve_from_json(object.at("gemm"), "rows", cat(where, ": gemm"));
  measured.attention = curve_from_json(object.at("attention"), "rows_times_heads", cat(where, ": attention"));
  measured.convolution = share(object, "convolution_share");
  measured.memory = share(object, "memory_share");
  measured.kernel_s = positive(object, "kernel_microseconds") * kMicro;
  return measured;
}

OrderedJson curve_to_json(const Curve& curve, const std::string& x_name) {
  OrderedJson json{{x_name, OrderedJson::array()}, {"share", OrderedJson::array()}};
  for (const CurvePoint& point : curve.points) {
    json[x_name].push_back(neat(point.x));
    json["share"].push_back(neat(point.y));
  }
  return json;
}

OrderedJson measured_to_json(const MeasuredSpeed& measured) {
  return {{"gemm", curve_to_json(measured.gemm, "rows")},
          {"attention", curve_to_json(measured.attention, "rows_times_heads")},
          {"convolution_share", neat(measured.convolution)},
          {"memory_share", neat(measured.memory)},
          {"kernel_microseconds", neat(measured.kernel_s / kMicro)}};
}

}  // namespace

DeviceModel device_model_from_json(const Json& json, const std::string& name, const std::string& where) {
  const JsonObject object(json, where);
  object.allow_only({"kind", "also_called", "pci_ids", "memory_bytes", "memory_gigabytes_per_s",
                     "peak_teraflops", "nvlink", "pcie", "measured"});
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
  if (object.has("measured"))
    model.measured = measured_from_json(object.at("measured"), cat(where, ": measured"));
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
  if (model.measured) json["measured"] = measured_to_json(*model.measured);
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
