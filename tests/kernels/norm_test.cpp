// The normalisations against their formulas in fp64.

#include "ditmesh/kernels/norm.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/helpers.hpp"

namespace ditmesh {
namespace {

using testing::relative;
using testing::seeded_randn;

constexpr double kEps = 1e-6;

at::Tensor wide(const at::Tensor& x) { return x.to(at::kDouble); }

class Batches : public ::testing::TestWithParam<int64_t> {
 protected:
  int64_t batch = GetParam();
};

TEST_P(Batches, ModulatedLayerNorm) {
  const at::Tensor x = seeded_randn({9, batch, 32}, 1) * 5 + 3;
  const at::Tensor scale = seeded_randn({batch, 32}, 2);
  const at::Tensor shift = seeded_randn({batch, 32}, 3);
  const at::Tensor centred = wide(x) - wide(x).mean(-1, true);
  const at::Tensor normed = centred / (centred.square().mean(-1, true) + kEps).sqrt();
  const at::Tensor expected = normed * wide(scale) + wide(shift);
  EXPECT_LE(relative(modulated_layer_norm(x, scale, shift, kEps), expected), 1e-6);
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const at::Tensor out = modulated_layer_norm(x.to(dtype), scale.to(dtype), shift.to(dtype), kEps);
    EXPECT_EQ(out.scalar_type(), dtype);
    EXPECT_LE(relative(out, expected), 2e-2);
  }
}

TEST_P(Batches, ModulatedLayerNormTakesPartsOfAModulation) {
  const at::Tensor x = seeded_randn({9, batch, 32}, 1);
  const at::Tensor modulation = seeded_randn({batch, 96}, 2);
  const at::Tensor scale = modulation.narrow(1, 32, 32);
  const at::Tensor shift = modulation.narrow(1, 0, 32);
  EXPECT_TRUE(modulated_layer_norm(x, scale, shift, kEps)
                  .equal(modulated_layer_norm(x, scale.contiguous(), shift.contiguous(), kEps)));
  EXPECT_TRUE(x.equal(seeded_randn({9, batch, 32}, 1))) << "x is not changed";
}

TEST_P(Batches, AddGated) {
  const at::Tensor rows = seeded_randn({12, batch, 8}, 1);
  const at::Tensor before = rows.clone();
  const at::Tensor gate = seeded_randn({batch, 8}, 2);
  const at::Tensor y = seeded_randn({5, batch, 8}, 3);
  add_gated(rows.narrow(0, 4, 5), gate, y);  // a view of some rows
  const at::Tensor expected = wide(before.narrow(0, 4, 5)) + wide(gate) * wide(y);
  EXPECT_LE(relative(rows.narrow(0, 4, 5), expected), 1e-6);
  EXPECT_TRUE(rows.narrow(0, 0, 4).equal(before.narrow(0, 0, 4)));
  EXPECT_TRUE(rows.narrow(0, 9, 3).equal(before.narrow(0, 9, 3)));
}

INSTANTIATE_TEST_SUITE_P(Table, Batches, ::testing::Values(1, 2, 5));

TEST(AddGated, ClipsToTheFiniteRangeInFp16Only) {
  const auto sum = [](at::ScalarType dtype, double x, double gate, double y) {
    const auto options = at::TensorOptions(dtype);
    const at::Tensor rows = at::full({1, 1, 1}, x, options);
    add_gated(rows, at::full({1, 1}, gate, options), at::full({1, 1, 1}, y, options));
    return rows.item<double>();
  };
  EXPECT_EQ(sum(at::kHalf, 60000, 2, 30000), 65504);
  EXPECT_EQ(sum(at::kHalf, -60000, 2, -30000), -65504);
  EXPECT_EQ(sum(at::kHalf, 60000, 1, 1024), 61024);
  EXPECT_EQ(sum(at::kFloat, 60000, 2, 30000), 120000);
  EXPECT_GT(sum(at::kBFloat16, 60000, 2, 30000), 110000);
}

// Pairs (a, b) of neighbours turn: (a cos − b sin, b cos + a sin).
at::Tensor rotated(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& angles) {
  const at::Tensor normed = wide(x) / (wide(x).square().mean(-1, true) + eps).sqrt() * wide(weight);
  at::Tensor out = at::empty_like(normed);
  for (int64_t token = 0; token < x.size(0); ++token) {
    for (int64_t pair = 0; pair < x.size(3) / 2; ++pair) {
      const double angle = angles[token][pair].item<double>();
      const at::Tensor a = normed[token].select(-1, 2 * pair);
      const at::Tensor b = normed[token].select(-1, 2 * pair + 1);
      out[token].select(-1, 2 * pair).copy_(a * std::cos(angle) - b * std::sin(angle));
      out[token].select(-1, 2 * pair + 1).copy_(b * std::cos(angle) + a * std::sin(angle));
    }
  }
  return out;
}

struct Heads {
  int64_t tokens, batch, heads, width;
};

class RmsNormRotate : public ::testing::TestWithParam<Heads> {};

TEST_P(RmsNormRotate, EqualsItsFormula) {
  const auto [tokens, batch, heads, width] = GetParam();
  const at::Tensor angles = wide(seeded_randn({tokens, width / 2}, 4)) * 3;
  const auto twice = [](const at::Tensor& x) { return x.repeat_interleave(2, -1).to(at::kFloat); };
  const Rotary rotary = {twice(angles.cos()), twice(angles.sin())};
  const at::Tensor weight = seeded_randn({width}, 5);
  // Read from the middle of a fused projection, written to the middle of a buffer.
  const at::Tensor fused = seeded_randn({tokens, batch, 3 * heads * width}, 6) * 4;
  const at::Tensor x = fused.narrow(-1, heads * width, heads * width).unflatten(-1, {heads, width});
  const at::Tensor buffer = at::full({tokens + 2, batch, heads, width}, 7.0);
  rms_norm_rotate(x, weight, kEps, rotary, buffer.narrow(0, 1, tokens));
  const at::Tensor expected = rotated(x, weight, kEps, angles);
  EXPECT_LE(relative(buffer.narrow(0, 1, tokens), expected), 1e-6);
  EXPECT_TRUE(buffer[0].eq(7).all().item<bool>());
  EXPECT_TRUE(buffer[tokens + 1].eq(7).all().item<bool>());

  const at::Tensor narrow = at::empty({tokens, batch, heads, width}, at::kBFloat16);
  rms_norm_rotate(x.to(at::kBFloat16), weight.to(at::kBFloat16), kEps, rotary, narrow);
  EXPECT_LE(relative(narrow, expected), 2e-2);
}

INSTANTIATE_TEST_SUITE_P(Table, RmsNormRotate,
                         ::testing::Values(Heads{1, 1, 1, 2}, Heads{5, 1, 3, 16}, Heads{7, 2, 2, 8},
                                           Heads{3, 3, 5, 32}));

TEST(T5RmsNorm, EqualsItsFormula) {
  const at::Tensor x = seeded_randn({6, 2, 24}, 1) * 100;
  const at::Tensor weight = seeded_randn({24}, 2);
  const at::Tensor expected = wide(x) / (wide(x).square().mean(-1, true) + kEps).sqrt() * wide(weight);
  EXPECT_LE(relative(t5_rms_norm(x, weight, kEps), expected), 1e-6);
  const at::Tensor out = t5_rms_norm(x.to(at::kBFloat16), weight.to(at::kBFloat16), kEps);
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  EXPECT_LE(relative(out, expected), 2e-2);
}

// The squares of fp16 activations overflow in fp16: statistics are in fp32.
TEST(T5RmsNorm, KeepsLargeFp16NumbersFinite) {
  const at::Tensor x = at::full({1, 1, 8}, 30000.0, at::TensorOptions(at::kHalf));
  const at::Tensor one = at::full({8}, 1.0, at::TensorOptions(at::kHalf));
  EXPECT_TRUE(t5_rms_norm(x, one, kEps).equal(at::full({1, 1, 8}, 1.0, at::TensorOptions(at::kHalf))));
}

}  // namespace
}  // namespace ditmesh
