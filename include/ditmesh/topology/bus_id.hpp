#pragma once
// PCI addresses, which every source spells in its own way.

#include <string>
#include <string_view>

namespace ditmesh {

/// A PCI address in one spelling, "0000:0f:00.0": lower case, with its domain. What is none stays as it is,
/// in lower case.
std::string canonical_bus_id(std::string_view text);

/// The same from its numbers.
std::string bus_id_of(unsigned domain, unsigned bus, unsigned device, unsigned function = 0);

/// Whether a text is spelled like a PCI address with its domain, as the names of folders in sysfs.
bool is_bus_id(std::string_view text);

/// "fffffff:ff:ff.0" and the like: what NVML says where a virtual machine hides the device.
bool is_hidden_bus_id(std::string_view text);

/// The number that "0x030200" writes; -1 for what is no such number.
int parse_hex(std::string_view text);

}  // namespace ditmesh
