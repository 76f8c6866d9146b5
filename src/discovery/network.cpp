#include "ditmesh/discovery/network.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/bus_id.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

constexpr double kBitsPerByte = 8;
constexpr int kEthernetType = 1;  // ARPHRD_ETHER

// mlx5_2 before mlx5_10: rails are numbered.
bool is_before(const fs::path& a, const fs::path& b) {
  const auto key = [](const std::string& name) {
    const size_t begin = name.find_last_not_of("0123456789") + 1;  // npos + 1 = 0
    return std::pair(name.substr(0, begin), parse_int(name.substr(begin)).value_or(-1));
  };
  return key(a.filename().string()) < key(b.filename().string());
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) found.push_back(entry.path());
  std::sort(found.begin(), found.end(), is_before);
  return found;
}

std::string adapter_of(const std::string& bus_id) { return bus_id.substr(0, bus_id.find('.')); }

// The PCI function that `device` links to, or that the device stands behind (virtio).
std::string bus_id_of(const fs::path& device) {
  std::error_code error;
  fs::path at = fs::canonical(device, error);
  while (!error && at.has_relative_path()) {
    if (is_bus_id(at.filename().string())) return canonical_bus_id(at.filename().string());
    at = at.parent_path();
  }
  return {};
}

std::string driver_of(const fs::path& device) {
  std::error_code error;
  const fs::path driver = fs::canonical(device / "driver", error);
  return error ? std::string() : driver.filename().string();
}

// "400 Gb/sec (4X NDR)" → 50e9
double rate_in(const std::string& text) {
  const auto gigabits = parse_double(text.substr(0, text.find(' ')));
  return gigabits && *gigabits > 0 ? *gigabits * 1e9 / kBitsPerByte : 0;
}

// Ports of an adapter of class/infiniband.
std::optional<FoundNic> rdma_nic(const fs::path& adapter) {
  FoundNic nic;
  nic.name = adapter.filename().string();
  nic.bus_id = bus_id_of(adapter / "device");
  bool is_up = false;
  for (const fs::path& port : entries(adapter / "ports")) {
    if (first_line(port / "state").find("ACTIVE") == std::string::npos) continue;
    is_up = true;
    nic.kind = first_line(port / "link_layer") == "InfiniBand" ? NicKind::infiniband : NicKind::roce;
    nic.bytes_per_s = std::max(nic.bytes_per_s, rate_in(first_line(port / "rate")));
  }
  if (driver_of(adapter / "device") == "efa") nic.kind = NicKind::efa;
  return is_up ? std::optional(nic) : std::nullopt;
}

std::optional<FoundNic> ethernet_nic(const fs::path& interface) {
  std::error_code error;
  const bool is_virtual = !fs::exists(interface / "device", error);
  if (is_virtual || parse_int(first_line(interface / "type")) != kEthernetType) return std::nullopt;
  const std::string state = first_line(interface / "operstate");
  if (state != "up" && state != "unknown") return std::nullopt;  // some drivers never say
  FoundNic nic;
  nic.name = interface.filename().string();
  nic.bus_id = bus_id_of(interface / "device");
  nic.kind = driver_of(interface / "device").starts_with("cxi") ? NicKind::slingshot : NicKind::ethernet;
  const auto megabits = parse_int(first_line(interface / "speed"));  // -1: unknown
  if (megabits && *megabits > 0) nic.bytes_per_s = static_cast<double>(*megabits) * 1e6 / kBitsPerByte;
  return nic;
}

}  // namespace

std::vector<FoundNic> find_nics(const fs::path& sysfs) {
  std::vector<FoundNic> nics;
  std::set<std::string> told;  // bus ids without the function: ports of one adapter are its functions
  for (const fs::path& adapter : entries(sysfs / "class/infiniband")) {
    if (auto nic = rdma_nic(adapter)) {
      told.insert(adapter_of(nic->bus_id));
      nics.push_back(std::move(*nic));
    }
  }
  for (const fs::path& interface : entries(sysfs / "class/net")) {
    auto nic = ethernet_nic(interface);
    if (nic && (nic->bus_id.empty() || !told.contains(adapter_of(nic->bus_id))))
      nics.push_back(std::move(*nic));
  }
  return nics;
}

}  // namespace ditmesh
