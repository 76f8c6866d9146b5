#include "ditmesh/mesh/placement.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// Devices in a chain: groups are joined without moving their members.
struct Chain {
  int head = 0;
  int tail = 0;
  std::array<Level, kAxes.size()> widths{};  // of its groups, the innermost axis first
};

class Packer {
 public:
  Packer(const Mesh& mesh, const DeviceTree& tree) : tree_(tree), next_(tree.devices.size(), -1) {
    for (const Axis axis : kAxes) {
      if (axis != Axis::data && mesh.degree(axis) > 1) degrees_.push_back(mesh.degree(axis));
    }
    waiting_.resize(degrees_.size() + 1);
  }

  Placement place(int wanted) {
    // Sets end in order of their ends; of equal ends the inner ones first, as they stand.
    std::vector<int> open_at(tree_.sets.size());
    size_t next_set = 0;
    std::vector<size_t> by_end(tree_.sets.size());
    for (size_t i = 0; i < by_end.size(); ++i) by_end[i] = i;
    std::stable_sort(by_end.begin(), by_end.end(), [&](size_t a, size_t b) {
      const auto& x = tree_.sets[a];
      const auto& y = tree_.sets[b];
      return x.end != y.end ? x.end < y.end : x.begin > y.begin;
    });
    for (int device = 0; device < static_cast<int>(tree_.devices.size()); ++device) {
      waiting_[0].push_back({device, device, {}});
      if (degrees_.empty()) finish_replica();
      for (; next_set < by_end.size() && tree_.sets[by_end[next_set]].end == device + 1; ++next_set)
        close(static_cast<int>(by_end[next_set]));
    }
    return finish(wanted);
  }

 private:
  void finish_replica() {
    replicas_.push_back(waiting_.back().back());
    waiting_.back().pop_back();
  }

  // Joins what waits in this set: as much as there is for whole groups.
  void close(int set) {
    const int begin = tree_.sets[static_cast<size_t>(set)].begin;
    for (size_t level = 0; level < degrees_.size(); ++level) {
      std::vector<Chain>& items = waiting_[level];
      const auto first =
          std::find_if(items.begin(), items.end(), [&](const Chain& each) { return each.head >= begin; });
      // What is left over are those whose inner groups are the widest.
      std::stable_sort(first, items.end(),
                       [](const Chain& x, const Chain& y) { return x.widths < y.widths; });
      const auto degree = static_cast<size_t>(degrees_[level]);
      const size_t groups = static_cast<size_t>(items.end() - first) / degree;
      if (groups == 0) continue;
      auto item = first;
      for (size_t group = 0; group < groups; ++group) {
        Chain joined = *item++;
        for (size_t i = 1; i < degree; ++i, ++item) {
          next_[static_cast<size_t>(joined.tail)] = item->head;
          joined.tail = item->tail;
          joined.widths = std::max(joined.widths, item->widths);
        }
        joined.widths[level] = tree_.sets[static_cast<size_t>(set)].level;
        if (level + 1 == degrees_.size()) {
          replicas_.push_back(joined);
        } else {
          waiting_[level + 1].push_back(joined);
        }
      }
      items.erase(first, item);
    }
  }

  void append(const Chain& chain, std::vector<DeviceId>& devices) const {
    for (int at = chain.head; at != -1; at = next_[static_cast<size_t>(at)]) {
      devices.push_back(tree_.devices[static_cast<size_t>(at)]);
      if (at == chain.tail) break;
    }
  }

  Placement finish(int wanted) {
    std::stable_sort(replicas_.begin(), replicas_.end(),
                     [](const Chain& a, const Chain& b) { return a.widths < b.widths; });
    const auto used = std::min(static_cast<size_t>(wanted), replicas_.size());
    Placement placement;
    for (size_t i = used; i < replicas_.size(); ++i) append(replicas_[i], placement.spares);
    replicas_.resize(used);
    std::stable_sort(replicas_.begin(), replicas_.end(),
                     [](const Chain& a, const Chain& b) { return a.head < b.head; });
    for (const Chain& replica : replicas_) append(replica, placement.devices);
    for (const auto& items : waiting_) {
      for (const Chain& item : items) append(item, placement.spares);
    }
    std::sort(placement.spares.begin(), placement.spares.end());
    return placement;
  }

  const DeviceTree& tree_;
  std::vector<int> degrees_;  // above 1, innermost first
  std::vector<int> next_;
  std::vector<std::vector<Chain>> waiting_;  // groups of each level, in order
  std::vector<Chain> replicas_;
};

constexpr char kBlank = ' ';

PerAxis parse_coordinate(std::string_view text, const Mesh& mesh, const std::string& where) {
  PerAxis coordinate;
  std::set<Axis> given;
  for (const std::string& item : split(text, ',')) {
    const auto parts = split(item, '=');
    const int64_t value = parts.size() == 2 ? parse_int(parts[1]).value_or(-1) : -1;
    const auto axis =
        std::find_if(kAxes.begin(), kAxes.end(), [&](Axis each) { return axis_name(each) == parts[0]; });
    if (axis == kAxes.end() || value < 0 || value >= mesh.degree(*axis)) {
      throw ConfigError(cat(where, ": '", item, "' is no place on the mesh ", mesh.to_string()),
                        "write AXIS=NUMBER from 0 to its degree less one, as --dry-run does");
    }
    if (!given.insert(*axis).second)
      throw ConfigError(cat(where, ": '", text, "' names the axis ", parts[0], " twice"));
    coordinate[*axis] = static_cast<int>(value);
  }
  return coordinate;
}

}  // namespace

Placement place(const Mesh& mesh, const DeviceTree& tree) {
  const auto num_devices = static_cast<int>(tree.devices.size());
  if (mesh.size() > num_devices) {
    throw ConfigError(cat("mesh ", mesh.to_string(), " has ", mesh.size(), " ranks, there are ",
                          counted(num_devices, "device")),
                      num_replicas(mesh, num_devices) > 0
                          ? cat("use ", mesh.with(Axis::data, num_replicas(mesh, num_devices)).to_string())
                          : std::string("lower its degrees"));
  }
  Placement placement = Packer(mesh, tree).place(mesh.degree(Axis::data));
  if (static_cast<int>(placement.devices.size()) != mesh.size())
    throw InternalError(cat("mesh ", mesh.to_string(), " was not packed whole"));
  return placement;
}

std::string to_text(const Placement& placement, const Mesh& mesh, const Cluster& cluster) {
  std::string text;
  for (int rank = 0; rank < mesh.size(); ++rank) {
    const PerAxis coordinate = mesh.coordinate(rank);
    std::vector<std::string> parts;
    for (auto axis = kAxes.rbegin(); axis != kAxes.rend(); ++axis) {
      if (mesh.degree(*axis) > 1) parts.push_back(cat(axis_name(*axis), "=", coordinate[*axis]));
    }
    if (parts.empty()) parts.emplace_back("data=0");
    text +=
        cat(join(parts, ","), kBlank, cluster.name_of(placement.devices[static_cast<size_t>(rank)]), "\n");
  }
  return text;
}

Placement placement_from_text(std::string_view text, const std::string& where, const Mesh& mesh,
                              const Cluster& cluster, const std::vector<DeviceId>& devices) {
  std::map<std::string, DeviceId> by_name;
  for (const DeviceId& id : devices) by_name[cluster.name_of(id)] = id;
  std::map<int, DeviceId> placed;
  std::map<DeviceId, int> line_of;
  int number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    const std::string_view content = trim(line);
    if (content.empty() || content.front() == '#') continue;
    const std::string at = cat(where, ", line ", number);
    const size_t blank = content.find_first_of(" \t");
    const std::string name(trim(blank == std::string_view::npos ? "" : content.substr(blank)));
    const int rank = mesh.rank(parse_coordinate(content.substr(0, blank), mesh, at));
    const auto device = by_name.find(name);
    if (device == by_name.end()) {
      std::vector<std::string> names;
      for (const auto& [known, unused] : by_name) names.push_back(known);
      throw ConfigError(cat(at, ": this job has no device '", name, "'", did_you_mean(name, names)),
                        "write HOST:DEVICE as 'ditmesh topology' names them");
    }
    if (const auto [other, is_new] = line_of.emplace(device->second, number); !is_new)
      throw ConfigError(cat(at, ": ", name, " has a rank already, of line ", other->second),
                        "one rank for each device");
    if (!placed.emplace(rank, device->second).second)
      throw ConfigError(cat(at, ": ", content.substr(0, blank), " is placed twice"),
                        "one line for each coordinate");
  }
  if (static_cast<int>(placed.size()) != mesh.size()) {
    throw ConfigError(cat(where, " places ", counted(static_cast<int64_t>(placed.size()), "rank"),
                          ", the mesh ", mesh.to_string(), " has ", mesh.size()),
                      "write a line for each coordinate, as --dry-run does");
  }
  Placement placement;
  for (const auto& [rank, device] : placed) placement.devices.push_back(device);
  for (const auto& [name, device] : by_name) {
    if (!line_of.contains(device)) placement.spares.push_back(device);
  }
  std::sort(placement.spares.begin(), placement.spares.end());
  return placement;
}

}  // namespace ditmesh
