#pragma once
// Weights that a test holds in memory.

#include <ATen/TensorOperators.h>
#include <ATen/ops/narrow.h>

#include <map>

#include "ditmesh/base/error.hpp"
#include "ditmesh/parallel/weight_source.hpp"
#include "kernels/helpers.hpp"

namespace ditmesh::testing {

class MemoryWeights final : public WeightSource {
 public:
  /// Adds NAME.weight (rows, columns) and NAME.bias (rows) of seeded numbers.
  void add_linear(const std::string& name, int64_t rows, int64_t columns) {
    const auto seed = static_cast<uint64_t>(2 * tensors.size() + 1);
    tensors[name + ".weight"] = seeded_randn({rows, columns}, seed);
    tensors[name + ".bias"] = seeded_randn({rows}, seed + 1);
  }

  bool has(const std::string& name) const override { return tensors.contains(name); }

  void read(const std::string& name, at::IntArrayRef shape, const WeightSlice& slice,
            at::Tensor out) override {
    const at::Tensor& whole = tensors.at(name);
    if (whole.sizes() != shape) throw ConfigError("weight " + name + " has another shape");
    if (slice.runs.empty()) {
      out.copy_(whole);
      return;
    }
    int64_t place = 0;
    for (const Range& run : slice.runs) {
      out.narrow(slice.dimension, place, run.size())
          .copy_(whole.narrow(slice.dimension, run.begin, run.size()));
      place += run.size();
    }
  }

  std::map<std::string, at::Tensor> tensors;
};

}  // namespace ditmesh::testing
