#pragma once

#include <string>
#include <string_view>

#include "ditmesh/topology/node_reading.hpp"

namespace ditmesh {

/// A node from an NCCL topology (XML): what NCCL writes with NCCL_TOPO_DUMP_FILE, or what a provider hands to
/// it with NCCL_TOPO_FILE. GPUs are its gpu elements, or else its PCI devices of class 0x03; NICs its net
/// elements, or else its PCI devices of class 0x02. Devices come in the order of their numbers, or else of
/// their PCI addresses. `name` is the file's, for messages.
///
/// Throws ConfigError if the text is not such a topology, is cut, or does not tell GPUs from NICs.
NodeReading read_nccl_xml(std::string_view text, const std::string& name);

}  // namespace ditmesh
