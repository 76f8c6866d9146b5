#include "ditmesh/topology/nvidia_smi.hpp"

#include <algorithm>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/looks_like.hpp"
#include "nic_kind.hpp"
#include "smi_places.hpp"
#include "smi_table.hpp"

namespace ditmesh {

namespace {

// The most NVLinks that a device had (H100 to B200): what needs more goes through NVSwitches.
constexpr int kMostLinksOfDevice = 18;

class NvlinkReader {
 public:
  NvlinkReader(const std::vector<SmiRow>& rows, NodeReading& reading) : reading_(reading) {
    for (const SmiRow& row : rows) {
      if (!row.is_gpu()) continue;
      auto& links = links_.emplace_back();
      for (size_t other = 0; other < rows.size(); ++other) {
        if (rows[other].is_gpu()) links.push_back(row.cells[other].nvlinks);
      }
    }
  }

  void read() {
    find_switched();
    for (size_t a = 0; a < links_.size(); ++a) {
      if (switched_.contains(a)) read_switched(a);
      for (size_t b = a + 1; b < links_.size(); ++b) {
        if (links_[a][b] == 0 || (switched_.contains(a) && switched_.contains(b))) continue;
        reading_.type.nvlinks.push_back({static_cast<int>(a), static_cast<int>(b), links_[a][b]});
      }
    }
    add_remarks();
  }

 private:
  void find_switched() {
    for (size_t a = 0; a < links_.size(); ++a) {
      int sum = 0;
      for (const int links : links_[a]) sum += links;
      if (sum > kMostLinksOfDevice) switched_.insert(a);
    }
  }

  // Each cell says how many links the weaker of the two has.
  void read_switched(size_t a) {
    Device& device = reading_.type.devices[a];
    std::set<int> counts;
    for (const size_t b : switched_) {
      if (links_[a][b] > 0) counts.insert(links_[a][b]);
    }
    if (counts.empty()) return;
    device.nvswitch_links = *counts.rbegin();
    if (counts.size() > 1) unequal_.push_back(device.name);
  }

  void add_remarks() {
    if (!unequal_.empty()) {
      reading_.remarks.push_back(cat("NVLinks through NVSwitches are not equal for ", join(unequal_, ", "),
                                     ": the highest number was taken for each."));
    }
    // Two devices of a machine with NVSwitches look like two with a bridge. The first with switches had 6
    // links.
    constexpr int kFewestOfSwitches = 6;
    if (links_.size() == 2 && switched_.empty() && links_[0][1] >= kFewestOfSwitches) {
      reading_.remarks.push_back(
          cat("The ", links_[0][1], " NVLinks between ", reading_.type.devices[0].name, " and ",
              reading_.type.devices[1].name,
              " were taken for direct ones: through NVSwitches they would look the same."));
    }
  }

  std::vector<std::vector<int>> links_{};  // by device and device
  std::set<size_t> switched_{};
  std::vector<std::string> unequal_{};
  NodeReading& reading_;
};

// Names of the legend, unless two NICs share one.
std::vector<std::string> nic_names(const SmiTable& table, std::vector<std::string>& remarks) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  bool all_differ = true;
  for (const SmiRow& row : table.rows) {
    if (row.is_gpu()) continue;
    const auto name = table.nic_names.find(row.label);
    names.push_back(name == table.nic_names.end() ? row.label : name->second);
    all_differ = seen.insert(names.back()).second && all_differ;
  }
  if (all_differ) return names;
  remarks.push_back("The legend gives one name to several NICs: they have their labels instead.");
  names.clear();
  for (const SmiRow& row : table.rows) {
    if (!row.is_gpu()) names.push_back(row.label);
  }
  return names;
}

}  // namespace

NodeReading read_nvidia_smi_topo(std::string_view text, const std::string& name) {
  const SmiTable table = read_smi_table(text, name);
  if (table.rows.empty()) {
    throw ConfigError(cat(name, " is not the output of nvidia-smi topo -m: it looks like ", looks_like(text)),
                      "run nvidia-smi topo -m on a node and give what it prints");
  }
  if (std::none_of(table.rows.begin(), table.rows.end(), [](const SmiRow& row) { return row.is_gpu(); })) {
    throw ConfigError(cat(name, ": the table has no row of a GPU"),
                      "copy the table again as nvidia-smi topo -m prints it");
  }
  NodeReading reading;
  const SmiPlaces places = find_places(table, reading.remarks);
  reading.type.places = places.places;
  const std::vector<std::string> names = nic_names(table, reading.remarks);
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const SmiRow& row = table.rows[i];
    const int place = places.place_of_row[i];
    if (row.is_gpu()) {
      reading.type.devices.push_back({.name = to_lower_ascii(row.label), .place = place});
    } else {
      const std::string& nic = names[reading.type.nics.size()];
      reading.type.nics.push_back({.name = nic, .kind = nic_kind_of_name(nic), .place = place});
    }
  }
  NvlinkReader(table.rows, reading).read();
  return reading;
}

}  // namespace ditmesh
