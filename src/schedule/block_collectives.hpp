#pragma once
// What the ranks of a stage tell each other inside of a block: tensor.cpp and sequence.cpp.

#include <vector>

#include "ditmesh/schedule/schedule.hpp"

namespace ditmesh {

/// Before and after each linear layer that is cut: rows are gathered, sums are scattered.
///   joint block   text and image apart, attention and MLP: 4 all_gather, 4 reduce_scatter
///   single block  attention and MLP side by side: 1 and 1
/// A stream without tokens on any rank (text, with patches after the first) is not spoken of.
void add_tensor_collectives(const Schedule& schedule, const PerAxis& coordinate, const TokenLayout& layout,
                            BlockKind kind, std::vector<Collective>& verbs);

/// Around attention: rows of some heads become all rows of fewer heads (Ulysses), keys and values go around
/// the ring while they are attended to.
///
/// With patches only the patch's own keys and values travel: a rank keeps those of all tokens of its heads.
void add_sequence_collectives(const Schedule& schedule, const PerAxis& coordinate, const TokenLayout& layout,
                              std::vector<Collective>& verbs);

}  // namespace ditmesh
