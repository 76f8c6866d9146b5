#pragma once
// The attention a model is handed: the same call on one rank and over a sequence group.

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "ditmesh/comm/communicator.hpp"
#include "ditmesh/base/range.hpp"

namespace ditmesh {

class Attention {
 public:
  virtual ~Attention() = default;

  /// Attention of this rank's tokens to all tokens of the sequence group.
  /// q, k, v: (T, B, H, D), the rows and heads of this rank; returns (T, B, H, D).
  /// `block` numbers the transformer block, `rows` are the joint positions of the rows.
  virtual at::Tensor operator()(int block, const std::vector<Range>& rows, const at::Tensor& q,
                                const at::Tensor& k, const at::Tensor& v) = 0;
};

/// All tokens are here.
class PlainAttention final : public Attention {
 public:
  at::Tensor operator()(int block, const std::vector<Range>& rows, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v) override;
};

/// Sequence parallelism: Ulysses (all-to-all, each rank gets all tokens of some
/// heads; arXiv 2309.14509) inside, ring (keys and values travel around;
/// arXiv 2310.01889) outside. Uneven token counts and heads are allowed.
///
/// `counts` are the rows of each rank of the sequence group, ulysses fastest.
///   ulysses 2, ring 1, 2 heads h0 h1: rank 0 holds tokens 0 1, rank 1 token 2
///     before  rank 0: 0 1 of h0 h1     rank 1: 2 of h0 h1
///     inside  rank 0: 0 1 2 of h0      rank 1: 0 1 2 of h1
///     after   rank 0: 0 1 of h0 h1     rank 1: 2 of h0 h1
class SequenceAttention final : public Attention {
 public:
  /// The groups outlive the object.
  SequenceAttention(Communicator& ulysses, Communicator& ring, std::vector<int64_t> counts);

  at::Tensor operator()(int block, const std::vector<Range>& rows, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v) override;

 private:
  at::Tensor ring_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const;

  Communicator& ulysses_;
  Communicator& ring_;
  std::vector<int64_t> ulysses_counts_;  // rows of each rank of this ulysses group
  std::vector<int64_t> ring_counts_;     // rows of each ring position, summed over ulysses
};

}  // namespace ditmesh
