#include "ditmesh/mesh/token_layout.hpp"

namespace ditmesh {

TokenLayout TokenLayout::whole(int64_t num_text, int64_t num_image) {
  return sharded(num_text, num_image, 1, 0, 1, 0);
}

TokenLayout TokenLayout::sharded(int64_t num_text, int64_t num_image, int sequence_degree, int sequence_rank,
                                 int tensor_degree, int tensor_rank) {
  const int64_t parts = int64_t{sequence_degree} * tensor_degree;
  const auto text_part = [&](int64_t part) { return part_of(num_text, parts, part); };
  const auto image_part = [&](int64_t part) { return part_of(num_image, parts, part); };

  TokenLayout layout;
  layout.num_text = num_text;
  layout.num_image = num_image;
  const int64_t first = int64_t{sequence_rank} * tensor_degree;
  layout.text_held = text_part(first + tensor_rank);
  layout.image_held = image_part(first + tensor_rank);
  for (int64_t part = first; part < first + tensor_degree; ++part) {
    const Range text = text_part(part);
    const Range image = {num_text + image_part(part).begin, num_text + image_part(part).end};
    layout.text.counts.push_back(text.size());
    layout.image.counts.push_back(image.size());
    layout.joint.counts.push_back(text.size() + image.size());
    layout.text.gathered.push_back(text);
    layout.image.gathered.push_back(image);
    layout.joint.gathered.push_back(text);
    layout.joint.gathered.push_back(image);
  }
  for (int64_t sequence = 0; sequence < sequence_degree; ++sequence) {
    int64_t rows = 0;
    for (int64_t part = sequence * tensor_degree; part < (sequence + 1) * tensor_degree; ++part) {
      rows += text_part(part).size() + image_part(part).size();
    }
    layout.sequence_counts.push_back(rows);
  }
  layout.image_counts = split_evenly(num_image, parts);
  return layout;
}

TokenLayout TokenLayout::on_mesh(int64_t num_text, int64_t num_image, const Mesh& mesh,
                                 const PerAxis& coordinate) {
  return sharded(num_text, num_image, mesh.degree(Axis::ulysses) * mesh.degree(Axis::ring),
                 coordinate[Axis::ulysses] + coordinate[Axis::ring] * mesh.degree(Axis::ulysses),
                 mesh.degree(Axis::tensor), coordinate[Axis::tensor]);
}

}  // namespace ditmesh
