#pragma once
// What the ranks of a group say to each other.

#include <cstdint>
#include <string_view>

#include "ditmesh/mesh/mesh.hpp"

namespace ditmesh {

enum class Pattern : uint8_t { all_to_all, all_gather, reduce_scatter, exchange, broadcast };
std::string_view to_string(Pattern pattern);

/// A verb of the ranks that differ only along `axis`; all of them call it in the same order. `exchange` goes
/// to the next rank and comes from the one before; `broadcast` comes from the last rank.
struct Collective {
  Axis axis = Axis::tensor;
  Pattern pattern = Pattern::all_gather;
  int64_t bytes = 0;        // that this rank sends in one call, counted as Communicator counts them
  int calls = 1;            // by each block
  bool overlapped = false;  // with the block's attention

  bool operator==(const Collective&) const = default;
};

}  // namespace ditmesh
