#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "ditmesh/topology/bus_id.hpp"
#include "ditmesh/base/text.hpp"
#include "xml_tree.hpp"

namespace ditmesh {

namespace {

constexpr int kBridgeClass = 0x0680;  // of NVSwitches
constexpr int kNpuClass = 0x068001;   // of POWER processors, which have NVLinks of their own

class NvlinkAdder {
 public:
  NvlinkAdder(const std::vector<XmlGpu>& gpus, NodeType& type, std::vector<std::string>& remarks)
      : gpus_(gpus), type_(type), remarks_(remarks) {}

  void add() {
    for (size_t i = 0; i < gpus_.size(); ++i) {
      if (!gpus_[i].pci.bus_id.empty()) device_of_bus_.emplace(gpus_[i].pci.bus_id, static_cast<int>(i));
    }
    for (size_t i = 0; i < gpus_.size(); ++i) {
      for (const XmlNvlink& link : gpus_[i].nvlinks) sort_in(static_cast<int>(i), link);
    }
    add_pairs();
    add_remarks();
  }

 private:
  void sort_in(int device, const XmlNvlink& link) {
    Device& from = type_.devices[static_cast<size_t>(device)];
    const auto target = device_of_bus_.find(canonical_bus_id(link.target));
    if (target != device_of_bus_.end() && target->second != device) {
      links_[{device, target->second}] += link.count;
    } else if (target != device_of_bus_.end()) {
      from.nvswitch_links += link.count;
      to_themselves_.insert(from.name);
    } else if (link.target_class == kNpuClass) {
      to_processor_.insert(from.name);
    } else if (is_hidden_bus_id(link.target) || link.target_class >> 8 == kBridgeClass) {
      from.nvswitch_links += link.count;
    } else {
      unknown_targets_.insert(link.target.substr(0, 20));
    }
  }

  // Both ends say how many links they have.
  void add_pairs() {
    std::set<std::pair<int, int>> pairs;
    for (const auto& [ends, count] : links_) pairs.insert(std::minmax(ends.first, ends.second));
    for (const auto& [a, b] : pairs) {
      const auto there = links_.find({a, b});
      const auto back = links_.find({b, a});
      int count = there != links_.end() ? there->second : back->second;
      if (there != links_.end() && back != links_.end()) {
        if (back->second != count) remark_disagreement(a, b, count, back->second);
        count = std::min(count, back->second);
      }
      type_.nvlinks.push_back({a, b, count});
    }
  }

  const std::string& name_of(int device) const { return type_.devices[static_cast<size_t>(device)].name; }

  void remark_disagreement(int a, int b, int there, int back) {
    remarks_.push_back(cat(name_of(a), " says that it has ", counted(there, "NVLink"), " to ", name_of(b),
                           ", and ", name_of(b), " says ", back, ": the lower number was taken."));
  }

  // A GPU that NVML said nothing of, or that lost links, slows all others down.
  void remark_fewer_links() {
    int most = 0;
    for (const Device& device : type_.devices) most = std::max(most, device.nvswitch_links);
    std::vector<std::string> fewer;
    for (const Device& device : type_.devices) {
      if (device.nvswitch_links < most) fewer.push_back(cat(device.name, " (", device.nvswitch_links, ")"));
    }
    if (fewer.empty()) return;
    remarks_.push_back(cat("Some devices have fewer NVLinks to NVSwitches than the ", most,
                           " of others: ", join(fewer, ", "), "."));
  }

  void add_remarks() {
    remark_fewer_links();
    if (!to_themselves_.empty()) {
      remarks_.push_back(cat("NVLinks of ", join(to_themselves_, ", "),
                             " lead to themselves: they were taken for links to NVSwitches."));
    }
    if (!unknown_targets_.empty()) {
      remarks_.push_back(cat("NVLinks to ", join(unknown_targets_, ", "),
                             " were left out: it is none of the devices, and not said to be an NVSwitch."));
    }
    if (!to_processor_.empty()) {
      remarks_.push_back(cat("NVLinks of ", join(to_processor_, ", "), " to the processor were left out."));
    }
    const auto any = [&](bool XmlGpu::*has) {
      return std::any_of(gpus_.begin(), gpus_.end(), [&](const XmlGpu& gpu) { return gpu.*has; });
    };
    if (any(&XmlGpu::has_c2c)) remarks_.push_back("Links of the kind c2c, to the processor, were left out.");
    if (any(&XmlGpu::has_xgmi))
      remarks_.push_back("Links of the kind xgmi were left out: only NVLink is known.");
  }

  const std::vector<XmlGpu>& gpus_;
  NodeType& type_;
  std::vector<std::string>& remarks_;
  std::map<std::string, int> device_of_bus_{};
  std::map<std::pair<int, int>, int> links_{};  // from one device to another
  std::set<std::string> to_themselves_{};
  std::set<std::string> to_processor_{};
  std::set<std::string> unknown_targets_{};
};

}  // namespace

void add_xml_nvlinks(const std::vector<XmlGpu>& gpus, NodeType& type, std::vector<std::string>& remarks) {
  NvlinkAdder(gpus, type, remarks).add();
}

}  // namespace ditmesh
