#pragma once
// Which tokens a rank holds: a pure value, made without any communication.

#include <cstdint>
#include <vector>

#include "ditmesh/mesh/mesh.hpp"
#include "ditmesh/base/range.hpp"

namespace ditmesh {

/// A run of token rows as a linear layer sees them: sharded over the tensor
/// group between layers, gathered over it inside them.
struct TokenStream {
  /// Rows held by each rank of the tensor group.
  std::vector<int64_t> counts;
  /// Joint positions (text first, then image) of the gathered rows, in order.
  std::vector<Range> gathered;

  int64_t gathered_size() const { return sum(counts); }
  bool operator==(const TokenStream&) const = default;
};

/// The tokens of one sequence rank of one tensor rank. Text and image tokens
/// are each dealt out evenly over sequence × tensor; a rank's rows are its text
/// tokens, then its image tokens.
///
/// 4 text and 6 image tokens (joint positions 0…3 and 4…9), sequence 2, tensor 2:
///   (sequence, tensor)   text   image    rows held       joint.gathered
///   (0, 0)               [0,1)  [4,6)    0 4 5           0 4 5 | 1 6 7
///   (0, 1)               [1,2)  [6,8)    1 6 7           0 4 5 | 1 6 7
///   (1, 0)               [2,3)  [8,9)    2 8             2 8 | 3 9
///   (1, 1)               [3,4)  [9,10)   3 9             2 8 | 3 9
struct TokenLayout {
  int64_t num_text = 0;
  int64_t num_image = 0;
  Range text_held;   // of the text tokens 0 … num_text
  Range image_held;  // of the image tokens 0 … num_image
  TokenStream text;
  TokenStream image;
  TokenStream joint;
  /// Rows (gathered over tensor) of each rank of the sequence group.
  std::vector<int64_t> sequence_counts;
  /// Image tokens held by each rank of sequence × tensor, tensor fastest.
  std::vector<int64_t> image_counts;

  /// All tokens on one rank.
  static TokenLayout whole(int64_t num_text, int64_t num_image);
  static TokenLayout sharded(int64_t num_text, int64_t num_image, int sequence_degree, int sequence_rank,
                             int tensor_degree, int tensor_rank);
  /// The layout of the rank at `coordinate`; the sequence rank is ulysses + ring × ulysses degree.
  static TokenLayout on_mesh(int64_t num_text, int64_t num_image, const Mesh& mesh,
                             const PerAxis& coordinate);

  int64_t num_held() const { return text_held.size() + image_held.size(); }
  bool operator==(const TokenLayout&) const = default;
};

}  // namespace ditmesh
