#pragma once
// The groups of ranks that call verbs together, as they meet in simulated time.

#include <array>
#include <optional>
#include <vector>

#include "ditmesh/schedule/operation.hpp"

namespace ditmesh {

class VerbGroups {
 public:
  explicit VerbGroups(const Mesh& mesh);

  /// A verb that all ranks of the group have come to.
  struct Met {
    int group = 0;
    double calls = 0;
    double all_bytes = 0;   // that the ranks send in all calls together
    double most_bytes = 0;  // that one rank sends in all calls
  };
  /// The rank comes to calling the verb so many times; something when it is the last of its group.
  std::optional<Met> join(int rank, Axis axis, double bytes, double calls);

  const std::vector<int>& ranks(int group) const { return groups_[static_cast<size_t>(group)].ranks; }

 private:
  struct Group {
    std::vector<int> ranks{};
    size_t num_arrived = 0;
    Met coming{};
  };

  std::vector<std::array<int, kAxes.size()>> group_of_;  // of each rank: of groups_
  std::vector<Group> groups_;
};

}  // namespace ditmesh
