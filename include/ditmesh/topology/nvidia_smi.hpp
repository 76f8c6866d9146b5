#pragma once

#include <string>
#include <string_view>

#include "ditmesh/topology/node_reading.hpp"

namespace ditmesh {

/// A node from the table that `nvidia-smi topo -m` prints, with whatever stands around it. Rows name devices
/// and NICs; the relations of all pairs give the tree of places; NV# gives NVLinks. Bandwidths and models
/// stay empty: the table does not have them. `name` is the file's, for messages.
///
/// Throws ConfigError if the text holds no such table, or one that is damaged, naming line, row and column.
NodeReading read_nvidia_smi_topo(std::string_view text, const std::string& name);

}  // namespace ditmesh
