#pragma once
// Numbers and links in the JSON of clusters.

#include "ditmesh/base/json.hpp"
#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

inline constexpr double kGiga = 1e9;
inline constexpr double kTera = 1e12;
inline constexpr double kMicro = 1e-6;

/// A number above zero; throws ConfigError naming the field.
double positive(const JsonObject& object, const std::string& key);

/// To twelve digits: 1.5 where the computer has 1.4999999999999998.
double neat(double value);

/// {"gigabytes_per_s": 25, "microseconds": 1.5}; the latency may be missing: 0.
Link link_from_json(const Json& json, const std::string& where);
OrderedJson link_to_json(const Link& link);

}  // namespace ditmesh
