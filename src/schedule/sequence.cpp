#include "block_collectives.hpp"

namespace ditmesh {

void add_sequence_collectives(const Schedule& schedule, const PerAxis& coordinate, const TokenLayout& layout,
                              std::vector<Collective>& verbs) {
  const Mesh& mesh = schedule.mesh;
  const int ulysses = mesh.degree(Axis::ulysses);
  const int ring = mesh.degree(Axis::ring);
  if (ulysses == 1 && ring == 1) return;
  const int64_t head_bytes =
      schedule.workload.batch * schedule.model.head_dim() * schedule.workload.element_size();
  // Heads are dealt over tensor, then over Ulysses; rows over ring, then over Ulysses.
  const int64_t heads =
      part_of(schedule.model.num_heads, mesh.degree(Axis::tensor), coordinate[Axis::tensor]).size();
  const int64_t own_heads = part_of(heads, ulysses, coordinate[Axis::ulysses]).size();
  const auto& counts = layout.sequence_counts;
  const auto first = counts.begin() + coordinate[Axis::ring] * ulysses;
  const int64_t own_rows = *(first + coordinate[Axis::ulysses]);
  const int64_t ring_rows = sum({first, first + ulysses});

  // q, k and v of the rows here for the heads of others; back, the rows of others of the heads here.
  if (ulysses > 1) {
    verbs.push_back({Axis::ulysses, Pattern::all_to_all, own_rows * 3 * (heads - own_heads) * head_bytes});
  }
  // Rounds differ by a row where rows do not divide; these are the bytes of the first. A ring without heads
  // has nothing to say.
  if (ring > 1 && own_heads > 0) {
    verbs.push_back({Axis::ring, Pattern::exchange, ring_rows * 2 * own_heads * head_bytes, ring - 1, true});
  }
  if (ulysses > 1) {
    verbs.push_back({Axis::ulysses, Pattern::all_to_all, (ring_rows - own_rows) * own_heads * head_bytes});
  }
}

}  // namespace ditmesh
