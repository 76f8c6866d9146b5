#pragma once
// Normalisations of transformer blocks, with what directly follows them.

#include <ATen/core/Tensor.h>

namespace ditmesh {

/// LayerNorm without parameters, then x · scale + shift (the scale has its 1 in it already).
/// x: (T, B, C); scale, shift: (B, C); returns (T, B, C).
at::Tensor modulated_layer_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                                double eps);

/// x += gate · y in place; x, y: (T, B, C), gate: (B, C). In fp16 clipped to
/// the finite range, as diffusers' FluxTransformerBlock does.
void add_gated(at::Tensor x, const at::Tensor& gate, const at::Tensor& y);

/// Cosines and sines of the rotary embedding, (T, D) fp32, each angle twice in a row.
struct Rotary {
  at::Tensor cos;
  at::Tensor sin;
};

/// RMSNorm over the head dimension, then the rotary embedding of neighbouring
/// pairs in fp32; written to `out`.
/// x, out: (T, B, H, D), any strides with a contiguous last dimension; weight: (D).
/// Equals diffusers' FluxAttention (torch.nn.RMSNorm, then apply_rotary_emb).
void rms_norm_rotate(const at::Tensor& x, const at::Tensor& weight, double eps, const Rotary& rotary,
                     at::Tensor out);

/// x / rms(x) · weight with the statistics in fp32; equals transformers' T5LayerNorm.
at::Tensor t5_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace ditmesh
