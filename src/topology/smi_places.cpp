#include "smi_places.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "core_set.hpp"
#include "ditmesh/base/text.hpp"
#include "unique_names.hpp"

namespace ditmesh {

namespace {

// Which group each row is in, named by its first row.
using Groups = std::vector<size_t>;

size_t size_of(const Groups& groups, size_t group) {
  return static_cast<size_t>(std::count(groups.begin(), groups.end(), group));
}

void join_groups(Groups& groups, size_t a, size_t b) {
  const auto [keep, drop] = std::minmax(groups[a], groups[b]);
  if (keep != drop) std::replace(groups.begin(), groups.end(), size_t{drop}, size_t{keep});
}

// What places devices in a NUMA domain where relations do not: equal for devices of one domain.
std::string affinity_of(const SmiRow& row) {
  return row.numa_affinity.empty() ? row.cpu_affinity : cat("NUMA ", row.numa_affinity);
}

class PlaceFinder {
 public:
  PlaceFinder(const SmiTable& table, std::vector<std::string>& remarks)
      : rows_(table.rows), remarks_(remarks) {}

  SmiPlaces find() {
    group_by_relations();
    group_hidden_by_affinity();
    remark_closer_relations();
    remark_split_affinities();
    make_places();
    return std::move(result_);
  }

 private:
  static constexpr std::array kLevels = {SmiRelation::pix, SmiRelation::pxb, SmiRelation::phb,
                                         SmiRelation::node};
  static constexpr size_t kNuma = kLevels.size() - 1;

  SmiRelation relation(size_t a, size_t b) const { return rows_[a].cells[b].relation; }

  void group_by_relations() {
    Groups groups(rows_.size());
    for (size_t i = 0; i < groups.size(); ++i) groups[i] = i;
    for (size_t level = 0; level < kLevels.size(); ++level) {
      for (size_t a = 0; a < rows_.size(); ++a) {
        for (size_t b = a + 1; b < rows_.size(); ++b) {
          if (relation(a, b) == kLevels[level]) join_groups(groups, a, b);
        }
      }
      groups_[level] = groups;
    }
  }

  // SYS between any two of them: two domains, whatever the affinities are.
  bool are_far(size_t group_a, size_t group_b) const {
    for (size_t a = 0; a < rows_.size(); ++a) {
      for (size_t b = 0; b < rows_.size(); ++b) {
        const bool across = groups_[kNuma][a] == group_a && groups_[kNuma][b] == group_b;
        if (across && relation(a, b) == SmiRelation::sys) return true;
      }
    }
    return false;
  }

  void group_hidden_by_affinity() {
    std::set<std::pair<size_t, size_t>> known_far;
    for (size_t a = 0; a < rows_.size(); ++a) {
      for (size_t b = a + 1; b < rows_.size(); ++b) {
        if (relation(a, b) != SmiRelation::nvlink || affinity_of(rows_[a]).empty()) continue;
        if (affinity_of(rows_[a]) != affinity_of(rows_[b])) continue;
        const std::pair groups{groups_[kNuma][a], groups_[kNuma][b]};
        if (groups.first == groups.second || known_far.contains(groups)) continue;
        if (are_far(groups.first, groups.second)) {
          known_far.insert(groups);
        } else {
          join_groups(groups_[kNuma], a, b);
        }
      }
    }
  }

  // The closest level that a and b share.
  SmiRelation derived(size_t a, size_t b) const {
    for (size_t level = 0; level < kLevels.size(); ++level) {
      if (groups_[level][a] == groups_[level][b]) return kLevels[level];
    }
    return SmiRelation::sys;
  }

  void remark_closer_relations() {
    int count = 0;
    std::string example;
    for (size_t a = 0; a < rows_.size(); ++a) {
      for (size_t b = a + 1; b < rows_.size(); ++b) {
        const SmiRelation said = relation(a, b);
        if (said == SmiRelation::nvlink || derived(a, b) >= said) continue;
        if (count++ == 0) {
          example = cat(rows_[a].label, " and ", rows_[b].label, " are said to be ", to_string(said),
                        " but are ", to_string(derived(a, b)), " by way of others");
        }
      }
    }
    if (count == 0) return;
    remarks_.push_back(cat("The table contradicts itself in ", counted(count, "pair"), " (", example,
                           "): the closer relation was taken."));
  }

  void remark_split_affinities() {
    std::map<std::string, std::set<size_t>> groups_of;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (!affinity_of(rows_[i]).empty()) groups_of[affinity_of(rows_[i])].insert(groups_[kNuma][i]);
    }
    for (const auto& [affinity, groups] : groups_of) {
      if (groups.size() < 2) continue;
      remarks_.push_back(cat("Devices with the affinity ", affinity,
                             " are SYS to each other: they were put into ", groups.size(), " NUMA domains."));
    }
  }

  // A device that only has NVLinks to others, and no affinity, can be anywhere.
  bool is_known(size_t group) const {
    if (size_of(groups_[kNuma], group) > 1) return true;
    if (!affinity_of(rows_[group]).empty()) return true;
    const auto& cells = rows_[group].cells;
    return cells.size() > 1 && std::none_of(cells.begin(), cells.end(), [](const SmiCell& cell) {
             return cell.relation == SmiRelation::nvlink;
           });
  }

  void make_places() {
    result_.place_of_row.assign(rows_.size(), -1);
    std::vector<std::string> nowhere;
    for (size_t group = 0; group < rows_.size(); ++group) {
      if (groups_[kNuma][group] != group) continue;
      if (is_known(group)) {
        make_domain(group);
      } else {
        nowhere.push_back(rows_[group].label);
      }
    }
    remark_affinities();
    if (!nowhere.empty()) {
      remarks_.push_back(cat("The table does not say in which NUMA domain ", join(nowhere, ", "),
                             nowhere.size() == 1 ? " stands." : " stand."));
    }
  }

  void make_domain(size_t group) {
    Place domain{.name = "numa-unnamed"};
    std::set<int> cores;
    std::set<std::string> affinities;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (groups_[kNuma][i] != group) continue;
      read_numa_affinity(rows_[i], domain);
      read_cpu_affinity(rows_[i], cores);
      if (!affinity_of(rows_[i]).empty()) affinities.insert(affinity_of(rows_[i]));
    }
    if (affinities.size() > 1) {
      remarks_.push_back(cat("Devices that are closer than SYS have different affinities (",
                             join(affinities, "; "), "): they were put into one NUMA domain."));
    }
    domain.cores.assign(cores.begin(), cores.end());
    const int place = add(std::move(domain));
    fill(group, kNuma, place);
  }

  // The places of `level` and below in a group of that level, `parent` being its own place or that above.
  void fill(size_t group, size_t level, int parent) {
    if (level == 0) {
      for (size_t i = 0; i < rows_.size(); ++i) {
        if (groups_[0][i] == group) result_.place_of_row[i] = parent;
      }
      return;
    }
    const Groups& below = groups_[level - 1];
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (groups_[level][i] != group || below[i] != i) continue;
      fill(i, level - 1, needs_place(i, level - 1) ? add_below(level - 1, parent) : parent);
    }
  }

  // One device needs none; nor does a group that is the same one level closer, which gets its place there.
  bool needs_place(size_t group, size_t level) const {
    const size_t size = size_of(groups_[level], group);
    return size > 1 && (level == 0 || size_of(groups_[level - 1], group) != size);
  }

  int add_below(size_t level, int parent) {
    const bool bridge = kLevels[level] == SmiRelation::phb;
    int& number = bridge ? bridges_ : switches_;
    return add({.name = cat(bridge ? "bridge" : "switch", number++),
                .kind = bridge ? PlaceKind::host_bridge : PlaceKind::pcie_switch,
                .parent = parent});
  }

  int add(Place place) {
    place.name = names_.take(place.name);
    result_.places.push_back(std::move(place));
    return static_cast<int>(result_.places.size()) - 1;
  }

  void read_numa_affinity(const SmiRow& row, Place& domain) {
    if (row.numa_affinity.empty() || domain.numa_id != -1) return;
    const auto ids = parse_number_list(row.numa_affinity);
    if (!ids) {
      not_understood_.push_back(cat(row.numa_affinity, " of ", row.label));
      return;
    }
    if (ids->size() > 1) several_domains_.insert(row.numa_affinity);
    domain.numa_id = ids->front();
    domain.name = cat("numa", domain.numa_id);
  }

  void read_cpu_affinity(const SmiRow& row, std::set<int>& cores) {
    if (row.cpu_affinity.empty()) return;
    if (const auto list = parse_number_list(row.cpu_affinity)) {
      cores.insert(list->begin(), list->end());
    } else {
      not_understood_.push_back(cat(row.cpu_affinity, " of ", row.label));
    }
  }

  void remark_affinities() {
    if (!several_domains_.empty()) {
      remarks_.push_back(cat("The NUMA affinity ", join(several_domains_, "; "),
                             " names several domains: the lowest of them was taken."));
    }
    if (!not_understood_.empty()) {
      remarks_.push_back(
          cat("The affinity ", join(not_understood_, "; "), " is no list of numbers: it was not used."));
    }
  }

  const std::vector<SmiRow>& rows_;
  std::vector<std::string>& remarks_;
  std::array<Groups, kLevels.size()> groups_{};
  SmiPlaces result_{};
  UniqueNames names_{};
  int bridges_ = 0;
  int switches_ = 0;
  std::set<std::string> several_domains_{};
  std::vector<std::string> not_understood_{};
};

}  // namespace

SmiPlaces find_places(const SmiTable& table, std::vector<std::string>& remarks) {
  return PlaceFinder(table, remarks).find();
}

}  // namespace ditmesh
