#include "ditmesh/kernels/attention.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/scaled_dot_product_attention.h>

namespace ditmesh {

namespace {

// (T, B, H, D) ↔ (B, H, T, D), as LibTorch wants it; views only.
at::Tensor heads_first(const at::Tensor& x) { return x.permute({1, 2, 0, 3}); }
at::Tensor tokens_first(const at::Tensor& x) { return x.permute({2, 0, 1, 3}); }

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return tokens_first(at::scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v)));
}

PartialAttention partial_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  at::Tensor out;
  at::Tensor lse;
  if (q.is_cpu()) {
    std::tie(out, lse) =
        at::_scaled_dot_product_flash_attention_for_cpu(heads_first(q), heads_first(k), heads_first(v));
  } else {
    const auto result =
        at::_scaled_dot_product_flash_attention(heads_first(q), heads_first(k), heads_first(v));
    out = std::get<0>(result);
    lse = std::get<1>(result);
  }
  return {tokens_first(out).to(at::kFloat), lse.permute({2, 0, 1}).to(at::kFloat)};
}

void merge(PartialAttention& total, const PartialAttention& part) {
  const at::Tensor lse = at::logaddexp(total.lse, part.lse);
  total.out =
      total.out * at::exp(total.lse - lse).unsqueeze(-1) + part.out * at::exp(part.lse - lse).unsqueeze(-1);
  total.lse = lse;
}

}  // namespace ditmesh
