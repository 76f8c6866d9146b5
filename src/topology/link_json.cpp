#include "link_json.hpp"

#include <cstdio>
#include <cstdlib>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

constexpr double kMost = 1e9;  // of gigabytes per second, microseconds, teraflops

double positive(const JsonObject& object, const std::string& key) {
  const auto value = object.get<double>(key);
  if (!(value > 0) || value > kMost) {
    throw ConfigError(
        cat(object.name(), ": field '", key, "' must be above 0 and at most ", kMost, ", found ", value));
  }
  return value;
}

double neat(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", value);
  return std::strtod(text, nullptr);
}

Link link_from_json(const Json& json, const std::string& where) {
  const JsonObject object(json, where);
  object.allow_only({"gigabytes_per_s", "microseconds"});
  return {positive(object, "gigabytes_per_s") * kGiga,
          object.has("microseconds") ? positive(object, "microseconds") * kMicro : 0};
}

OrderedJson link_to_json(const Link& link) {
  OrderedJson json = {{"gigabytes_per_s", neat(link.bytes_per_s / kGiga)}};
  if (link.latency_s > 0) json["microseconds"] = neat(link.latency_s / kMicro);
  return json;
}

}  // namespace ditmesh
