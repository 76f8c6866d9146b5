#pragma once
// The files of topology/, which are built into the program.

#include <map>
#include <string>

namespace ditmesh {

/// The text of topology/NAME.json by NAME.
const std::map<std::string, std::string>& shipped_clusters();
/// The text of topology/devices/NAME.json by NAME.
const std::map<std::string, std::string>& shipped_device_models();

}  // namespace ditmesh
