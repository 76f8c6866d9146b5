#pragma once
// Where the weights of a model come from: a checkpoint, or random numbers.

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "ditmesh/base/range.hpp"

namespace ditmesh {

/// Part of a weight: runs of indices along one dimension, one below the other. No runs: all of it.
struct WeightSlice {
  int64_t dimension = 0;
  std::vector<Range> runs;
};

/// Called before each tensor is read, so that reading can be given up: what it throws comes through.
using OnTensor = std::function<void()>;

class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual bool has(const std::string& name) const = 0;

  /// Writes the slice of weight `name` to `out`, converted to its dtype and
  /// device; only those bytes are read. Throws ConfigError if the weight is
  /// missing or its shape is not `shape`.
  virtual void read(const std::string& name, at::IntArrayRef shape, const WeightSlice& slice,
                    at::Tensor out) = 0;

  /// The whole weight in a new tensor.
  at::Tensor whole(const std::string& name, at::IntArrayRef shape, const at::TensorOptions& options);
};

}  // namespace ditmesh
