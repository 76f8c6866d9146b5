#pragma once
// Weights for measurements: no checkpoint is needed.

#include "ditmesh/parallel/weight_source.hpp"

namespace ditmesh {

/// Small random numbers made on the device they are wanted on; vectors named
/// norm… or …weight of one dimension are ones, so that activations stay finite.
/// They depend on the weight's name and slice only, so that reading again gives the same.
class RandomWeights final : public WeightSource {
 public:
  bool has(const std::string& /*name*/) const override { return true; }
  void read(const std::string& name, at::IntArrayRef shape, const WeightSlice& slice,
            at::Tensor out) override;
};

}  // namespace ditmesh
