#pragma once
// Scaled dot-product attention on token-major tensors.

#include <ATen/core/Tensor.h>

namespace ditmesh {

/// softmax(q kᵀ / √D) v for every batch entry and head.
/// q: (Tq, B, H, D); k, v: (Tk, B, H, D), any strides with a contiguous last
/// dimension; returns (Tq, B, H, D). No mask.
/// Equals torch.nn.functional.scaled_dot_product_attention.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// The result over some of the keys, with what is needed to add the others.
struct PartialAttention {
  at::Tensor out;  // (Tq, B, H, D) fp32
  at::Tensor lse;  // (Tq, B, H) fp32: log of the sum of exponentials
};
PartialAttention partial_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// Adds the keys of `part` to `total` in fp32.
/// Source: Liu et al., Ring Attention (arXiv 2310.01889), in log-sum-exp form.
void merge(PartialAttention& total, const PartialAttention& part);

}  // namespace ditmesh
