#include "ditmesh/kernels/attention.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/helpers.hpp"

namespace ditmesh {
namespace {

using testing::relative;
using testing::seeded_randn;

// The definition, written out in fp64; all tensors (T, B, H, D).
at::Tensor softmax_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble).permute({1, 2, 0, 3}); };
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor scores = at::matmul(wide(q), wide(k).transpose(-1, -2)) * scale;
  return at::matmul(at::softmax(scores, -1), wide(v)).permute({2, 0, 1, 3});
}

struct Shape {
  int64_t queries, keys, batch, heads, width;
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << s.queries << " to " << s.keys << ", " << s.batch << 'x' << s.heads << 'x' << s.width;
}

class AttentionShapes : public ::testing::TestWithParam<Shape> {
 protected:
  AttentionShapes()
      : q(seeded_randn({s.queries, s.batch, s.heads, s.width}, 1)),
        k(seeded_randn({s.keys, s.batch, s.heads, s.width}, 2)),
        v(seeded_randn({s.keys, s.batch, s.heads, s.width}, 3)),
        expected(softmax_attention(q, k, v)) {}

  Shape s = GetParam();
  at::Tensor q, k, v, expected;
};

TEST_P(AttentionShapes, EqualTheDefinition) {
  const at::Tensor out = attention(q, k, v);
  EXPECT_EQ(out.sizes(), q.sizes());
  EXPECT_LE(relative(out, expected), 1e-5);
}

// As views into a fused projection (T, B, 3, H, D) with a gap behind it.
TEST_P(AttentionShapes, TakeStridedInputs) {
  const auto strided = [](const at::Tensor& x) {
    std::vector<int64_t> shape = x.sizes().vec();
    shape.insert(shape.begin() + 2, 3);
    shape[4] += 5;
    const at::Tensor fused = seeded_randn(shape, 9);
    const at::Tensor view = fused.select(2, 1).narrow(3, 0, x.size(3));
    view.copy_(x);
    return view;
  };
  EXPECT_LE(relative(attention(strided(q), strided(k), strided(v)), expected), 1e-5);
  EXPECT_LE(relative(partial_attention(strided(q), strided(k), strided(v)).out, expected), 1e-5);
}

TEST_P(AttentionShapes, InSixteenBitsAreNear) {
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const at::Tensor rounded = softmax_attention(q.to(dtype), k.to(dtype), v.to(dtype));
    const at::Tensor out = attention(q.to(dtype), k.to(dtype), v.to(dtype));
    EXPECT_EQ(out.scalar_type(), dtype);
    EXPECT_LE(relative(out, rounded), 2e-2);
    const PartialAttention part = partial_attention(q.to(dtype), k.to(dtype), v.to(dtype));
    EXPECT_EQ(part.out.scalar_type(), at::kFloat);
    EXPECT_LE(relative(part.out, rounded), 2e-2);
  }
}

// Whatever the cuts of the keys and the order in which the parts are added.
TEST_P(AttentionShapes, MergeFromParts) {
  for (const uint64_t seed : {11U, 12U, 13U, 14U}) {
    for (const auto& cuts : testing::random_cuts(s.keys, 4, seed)) {
      PartialAttention total;
      for (const Range& cut : cuts) {
        const PartialAttention part =
            partial_attention(q, k.narrow(0, cut.begin, cut.size()), v.narrow(0, cut.begin, cut.size()));
        if (total.out.defined()) {
          merge(total, part);
        } else {
          total = part;
        }
      }
      EXPECT_EQ(total.out.sizes(), q.sizes());
      EXPECT_LE(relative(total.out, expected), 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, AttentionShapes,
                         ::testing::Values(Shape{1, 1, 1, 1, 8}, Shape{7, 7, 1, 3, 16}, Shape{5, 61, 2, 2, 8},
                                           Shape{130, 3, 2, 5, 64}, Shape{33, 700, 1, 1, 128}));

// One key so strong that the others vanish: exponentials of differences must not overflow.
TEST(Attention, MergesPartsOfVeryDifferentSize) {
  const at::Tensor q = seeded_randn({4, 1, 1, 8}, 1) + 30;
  const at::Tensor k = seeded_randn({6, 1, 1, 8}, 2);
  k.narrow(0, 4, 1).add_(20);
  const at::Tensor v = seeded_randn({6, 1, 1, 8}, 3);
  const auto part = [&](int64_t begin, int64_t count) {
    return partial_attention(q, k.narrow(0, begin, count), v.narrow(0, begin, count));
  };
  for (const bool strong_first : {false, true}) {
    PartialAttention total = strong_first ? part(3, 3) : part(0, 3);
    merge(total, strong_first ? part(0, 3) : part(3, 3));
    EXPECT_LE(relative(total.out, softmax_attention(q, k, v)), 1e-5);
  }
}

}  // namespace
}  // namespace ditmesh
