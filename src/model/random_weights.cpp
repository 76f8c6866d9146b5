#include "ditmesh/model/random_weights.hpp"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <functional>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

void RandomWeights::read(const std::string& name, at::IntArrayRef shape, const WeightSlice& slice,
                         at::Tensor out) {
  if (shape.size() == 1) {
    out.fill_(name.ends_with(".weight") ? 1.0 : 0.0);
    return;
  }
  // A variance that keeps activations of about one: 1 / fan-in.
  int64_t fan_in = 1;
  for (const int64_t extent : shape.slice(1)) fan_in *= extent;
  at::Generator generator = at::globalContext().defaultGenerator(out.device()).clone();
  generator.set_current_seed(
      std::hash<std::string>{}(cat(name, ' ', slice.dimension, ' ', join(slice.runs, " "))));
  out.normal_(0.0, 1.0 / std::sqrt(static_cast<double>(fan_in)), generator);
}

}  // namespace ditmesh
