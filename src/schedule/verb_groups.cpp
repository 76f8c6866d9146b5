#include "verb_groups.hpp"

#include <algorithm>
#include <utility>

namespace ditmesh {

VerbGroups::VerbGroups(const Mesh& mesh) : group_of_(static_cast<size_t>(mesh.size())) {
  for (int rank = 0; rank < mesh.size(); ++rank) {
    for (const Axis axis : kAxes) {
      if (mesh.degree(axis) == 1 || axis == Axis::data) continue;  // replicas do not speak
      const auto place = static_cast<size_t>(axis);
      const std::vector<int> members = mesh.group(rank, axis);
      // The lowest rank comes first, and finds the group for the others.
      if (members.front() == rank) {
        group_of_[static_cast<size_t>(rank)][place] = static_cast<int>(groups_.size());
        groups_.push_back({members, 0, {static_cast<int>(groups_.size())}});
      } else {
        group_of_[static_cast<size_t>(rank)][place] = group_of_[static_cast<size_t>(members.front())][place];
      }
    }
  }
}

std::optional<VerbGroups::Met> VerbGroups::join(int rank, Axis axis, double bytes, double calls) {
  Group& group =
      groups_[static_cast<size_t>(group_of_[static_cast<size_t>(rank)][static_cast<size_t>(axis)])];
  group.coming.calls = std::max(group.coming.calls, calls);
  group.coming.all_bytes += bytes;
  group.coming.most_bytes = std::max(group.coming.most_bytes, bytes);
  if (++group.num_arrived < group.ranks.size()) return std::nullopt;
  group.num_arrived = 0;
  return std::exchange(group.coming, {group.coming.group});
}

}  // namespace ditmesh
