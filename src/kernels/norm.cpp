#include "ditmesh/kernels/norm.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/stack.h>

namespace ditmesh {

at::Tensor modulated_layer_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                                double eps) {
  const int64_t width = x.size(-1);
  // One sample: scale and shift are LayerNorm's own parameters, one pass over x.
  if (x.size(1) == 1) return at::layer_norm(x, {width}, scale[0], shift[0], eps);
  return at::layer_norm(x, {width}, {}, {}, eps).mul_(scale).add_(shift);
}

void add_gated(at::Tensor x, const at::Tensor& gate, const at::Tensor& y) {
  x.addcmul_(gate, y);
  if (x.scalar_type() == at::kHalf) x.clamp_(-65504, 65504);
}

void rms_norm_rotate(const at::Tensor& x, const at::Tensor& weight, double eps, const Rotary& rotary,
                     at::Tensor out) {
  const at::Tensor normed = at::rms_norm(x, {x.size(-1)}, weight, eps).to(at::kFloat);
  const at::Tensor pairs = normed.unflatten(-1, {-1, 2});
  const at::Tensor turned = at::stack({pairs.select(-1, 1).neg(), pairs.select(-1, 0)}, -1).flatten(-2);
  const at::Tensor cos = rotary.cos.view({x.size(0), 1, 1, -1});
  const at::Tensor sin = rotary.sin.view({x.size(0), 1, 1, -1});
  out.copy_((normed * cos).add_(turned * sin));
}

at::Tensor t5_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scaled = wide * at::rsqrt(wide.square().mean(-1, true).add_(eps));
  return scaled.to(weight.scalar_type()).mul_(weight);
}

}  // namespace ditmesh
