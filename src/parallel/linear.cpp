#include "ditmesh/parallel/linear.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// The elements of `dealt` that belong to this rank of the tensor group.
Range own_run(const Dealt& dealt, const LayerSource& source) {
  if (dealt.size % dealt.unit != 0) {
    throw InternalError(cat("a weight of ", dealt.size, " cannot be dealt in units of ", dealt.unit));
  }
  const Range units = part_of(dealt.size / dealt.unit, source.tensor_size(), source.tensor_rank());
  return {units.begin * dealt.unit, units.end * dealt.unit};
}

}  // namespace

at::Tensor WeightSource::whole(const std::string& name, at::IntArrayRef shape,
                               const at::TensorOptions& options) {
  at::Tensor out = at::empty(shape, options);
  read(name, shape, {}, out);
  return out;
}

Linear Linear::cut_by_outputs(const LayerSource& source, const std::vector<LinearPart>& parts,
                              int64_t columns, bool bias) {
  Linear layer;
  layer.cut_ = source.tensor_size() == 1 ? Cut::none : Cut::outputs;
  layer.tensor_ = source.tensor;
  for (const LinearPart& part : parts) layer.part_rows_.push_back(own_run(part.rows, source).size());
  const int64_t rows = sum(layer.part_rows_);
  // Read straight into the fused matrix: no second copy at any time.
  layer.weight_ = at::empty({rows, columns}, source.options);
  if (bias) layer.bias_ = at::empty({rows}, source.options);
  int64_t row = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const WeightSlice slice{0, {own_run(parts[i].rows, source)}};
    const int64_t count = layer.part_rows_[i];
    source.weights.read(parts[i].name + ".weight", {parts[i].rows.size, columns}, slice,
                        layer.weight_.narrow(0, row, count));
    if (bias) {
      source.weights.read(parts[i].name + ".bias", {parts[i].rows.size}, slice,
                          layer.bias_.narrow(0, row, count));
    }
    row += count;
  }
  return layer;
}

Linear Linear::cut_by_inputs(const LayerSource& source, const std::string& name, int64_t rows,
                             const std::vector<Dealt>& columns, bool bias) {
  Linear layer;
  layer.cut_ = source.tensor_size() == 1 ? Cut::none : Cut::inputs;
  layer.tensor_ = source.tensor;
  layer.part_rows_ = {rows};
  WeightSlice slice{1, {}};
  int64_t all_columns = 0;
  int64_t own_columns = 0;
  for (const Dealt& dealt : columns) {
    const Range run = own_run(dealt, source);
    slice.runs.push_back({all_columns + run.begin, all_columns + run.end});
    all_columns += dealt.size;
    own_columns += run.size();
  }
  layer.weight_ = at::empty({rows, own_columns}, source.options);
  source.weights.read(name + ".weight", {rows, all_columns}, slice, layer.weight_);
  if (bias) layer.bias_ = source.whole(name + ".bias", {rows});
  return layer;
}

Linear Linear::uncut(const LayerSource& source, const std::vector<std::string>& names, int64_t rows_each,
                     int64_t columns, bool bias) {
  const LayerSource alone{source.weights, source.options};
  std::vector<LinearPart> parts;
  for (const std::string& name : names) parts.push_back({name, {rows_each}});
  return cut_by_outputs(alone, parts, columns, bias);
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  if (cut_ != Cut::none) throw InternalError("a linear layer that is cut needs the token stream of its rows");
  return at::linear(x, weight_, bias_);
}

at::Tensor Linear::operator()(const at::Tensor& x, const TokenStream& stream) const {
  if (cut_ == Cut::none) return at::linear(x, weight_, bias_);
  std::vector<int64_t> shape = x.sizes().vec();
  if (cut_ == Cut::outputs) {
    shape[0] = stream.gathered_size();
    const at::Tensor gathered = at::empty(shape, x.options());
    tensor_->all_gather(gathered, x.contiguous(), stream.counts).wait();
    return at::linear(gathered, weight_, bias_);
  }
  const at::Tensor partial = at::linear(x, weight_);
  shape[0] = stream.counts[tensor_->rank()];
  shape.back() = weight_.size(0);
  at::Tensor out = at::empty(shape, x.options());
  tensor_->reduce_scatter(out, partial.contiguous(), stream.counts).wait();
  return bias_.defined() ? out.add_(bias_) : out;
}

}  // namespace ditmesh
