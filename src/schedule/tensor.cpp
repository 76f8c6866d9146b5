#include "block_collectives.hpp"

namespace ditmesh {

namespace {

// 5 rows on 2 ranks, 3 and 2 of them: rank 0 gathers by sending its 3 rows to one other, and after the
// layer sends the sums of the 2 rows that are not its own.
void add_stream(const TokenStream& stream, int rank, int64_t row_bytes, int calls,
                std::vector<Collective>& verbs) {
  const int64_t own = stream.counts[static_cast<size_t>(rank)];
  const auto others = static_cast<int64_t>(stream.counts.size()) - 1;
  verbs.push_back({Axis::tensor, Pattern::all_gather, own * others * row_bytes, calls, false});
  verbs.push_back(
      {Axis::tensor, Pattern::reduce_scatter, (stream.gathered_size() - own) * row_bytes, calls, false});
}

}  // namespace

void add_tensor_collectives(const Schedule& schedule, const PerAxis& coordinate, const TokenLayout& layout,
                            BlockKind kind, std::vector<Collective>& verbs) {
  if (schedule.mesh.degree(Axis::tensor) == 1) return;
  const int rank = coordinate[Axis::tensor];
  const int64_t row_bytes = schedule.workload.batch * schedule.model.width * schedule.workload.element_size();
  if (kind == BlockKind::single) {
    add_stream(layout.joint, rank, row_bytes, 1, verbs);
    return;
  }
  if (layout.num_text > 0) add_stream(layout.text, rank, row_bytes, 2, verbs);
  add_stream(layout.image, rank, row_bytes, 2, verbs);
}

}  // namespace ditmesh
