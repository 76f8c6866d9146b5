#pragma once
// Clusters and device models as JSON files; topology/README.md describes their fields.

#include <optional>
#include <string>

#include "ditmesh/base/json.hpp"
#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// Throws ConfigError naming `where` and the field.
DeviceModel device_model_from_json(const Json& json, const std::string& name, const std::string& where);
OrderedJson to_json(const DeviceModel& model);

/// A device model that is built in; throws ConfigError with the nearest name.
DeviceModel find_device_model(const std::string& name);

/// The built-in model with this driver's name or PCI id, if there is one; empty texts name none.
std::optional<DeviceModel> recognise_device_model(const std::string& driver_name, const std::string& pci_id);

/// Models that the cluster names but does not describe are looked up among the built-in ones. Throws
/// ConfigError naming `where` and the field, also for what check_cluster refuses.
Cluster cluster_from_json(const Json& json, const std::string& where);
/// One entry for each thing; reads back as the same cluster.
OrderedJson to_json(const Cluster& cluster);

/// A JSON file, or the name of a built-in cluster. Throws ConfigError.
Cluster read_cluster(const std::string& file_or_name);

}  // namespace ditmesh
