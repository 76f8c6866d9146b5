#pragma once
// Linear layers that know how they are cut over the tensor group, so that models need not.

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "ditmesh/comm/communicator.hpp"
#include "ditmesh/mesh/token_layout.hpp"
#include "ditmesh/parallel/weight_source.hpp"

namespace ditmesh {

/// A run of output rows or input columns that is dealt over the tensor group in
/// whole units (a head, for example): split_evenly(size / unit, ranks) each.
struct Dealt {
  int64_t size = 0;
  int64_t unit = 1;
};

/// One weight matrix of a layer: its name (without ".weight"), and its rows.
struct LinearPart {
  std::string name;
  Dealt rows;
};

/// What layers are built from.
struct LayerSource {
  WeightSource& weights;
  at::TensorOptions options;       // dtype and device of the weights
  Communicator* tensor = nullptr;  // the tensor group; none: one rank

  int tensor_size() const { return tensor == nullptr ? 1 : tensor->size(); }
  int tensor_rank() const { return tensor == nullptr ? 0 : tensor->rank(); }
  at::Tensor whole(const std::string& name, at::IntArrayRef shape) const {
    return weights.whole(name, shape, options);
  }
};

/// y = x Wᵀ + b for token rows x: (T, B, columns). Several weights stacked by
/// rows are one matrix product.
///
/// Over a tensor group of two, a layer cut by outputs and one cut by inputs:
///   outputs cut   rank 0 holds rows 0…n/2 of W, rank 1 the others. In: the rows of x that the
///                 rank holds, gathered first. Out: all gathered rows, half of the columns of y.
///   inputs cut    rank 0 holds columns 0…n/2 of W. In: all gathered rows, half of the columns of
///                 x. Out: summed over the ranks, the rows that the rank holds.
class Linear {
 public:
  Linear() = default;
  static Linear cut_by_outputs(const LayerSource& source, const std::vector<LinearPart>& parts,
                               int64_t columns, bool bias = true);
  static Linear cut_by_inputs(const LayerSource& source, const std::string& name, int64_t rows,
                              const std::vector<Dealt>& columns, bool bias = true);
  /// The same on every rank of the tensor group.
  static Linear uncut(const LayerSource& source, const std::vector<std::string>& names, int64_t rows_each,
                      int64_t columns, bool bias = true);

  /// x and y as said above for `stream`.
  at::Tensor operator()(const at::Tensor& x, const TokenStream& stream) const;
  /// Rows that are nobody's tokens; for layers that are not cut.
  at::Tensor operator()(const at::Tensor& x) const;

  /// Rows of each part on this rank: the widths to split y into.
  const std::vector<int64_t>& part_rows() const { return part_rows_; }

 private:
  enum class Cut { none, outputs, inputs };

  Cut cut_ = Cut::none;
  Communicator* tensor_ = nullptr;
  at::Tensor weight_;  // (rows, columns) of this rank
  at::Tensor bias_;    // (rows), or undefined
  std::vector<int64_t> part_rows_;
};

}  // namespace ditmesh
