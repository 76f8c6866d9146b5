// Linear layers cut over thread-ranks equal the whole layer.

#include "ditmesh/parallel/linear.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "ditmesh/base/text.hpp"
#include "ditmesh/comm/thread_communicator.hpp"
#include "parallel/memory_weights.hpp"

namespace ditmesh {
namespace {

using testing::MemoryWeights;
using testing::relative;
using testing::seeded_randn;

constexpr int64_t kColumns = 12;
constexpr int64_t kRows = 11;  // tokens

struct Layer {
  std::vector<Dealt> parts;  // output rows of the first layer, input columns of the second
  bool bias;
};

std::ostream& operator<<(std::ostream& out, const Layer& layer) {
  for (const Dealt& part : layer.parts) out << part.size << " in " << part.unit << "s, ";
  return out << (layer.bias ? "bias" : "no bias");
}

class CutLayers : public ::testing::TestWithParam<std::tuple<int, Layer>> {
 protected:
  CutLayers() {
    int64_t width = 0;
    for (const Dealt& part : layer.parts) {
      const std::string name = cat("part", parts.size());
      weights.add_linear(name, part.size, kColumns);
      parts.push_back({name, part});
      width += part.size;
    }
    weights.add_linear("back", kColumns, width);
    x = seeded_randn({kRows, 2, kColumns}, 77);
    // The whole layers, from plain matrix products.
    std::vector<at::Tensor> out;
    for (const LinearPart& part : parts) out.push_back(whole(part.name, x));
    y = at::cat(out, -1);
    z = whole("back", y);
  }

  at::Tensor whole(const std::string& name, const at::Tensor& in) const {
    const at::Tensor out = at::linear(in, weights.tensors.at(name + ".weight"));
    return layer.bias ? out + weights.tensors.at(name + ".bias") : out;
  }

  // This rank's runs of the parts, one behind the other.
  at::Tensor own_columns(const at::Tensor& all, int rank) const {
    std::vector<at::Tensor> columns;
    int64_t begin = 0;
    for (const LinearPart& part : parts) {
      const Range units = part_of(part.rows.size / part.rows.unit, num_ranks, rank);
      columns.push_back(all.narrow(-1, begin + units.begin * part.rows.unit, units.size() * part.rows.unit));
      begin += part.rows.size;
    }
    return at::cat(columns, -1);
  }

  template <typename Body>
  void on_ranks(Body body) {
    std::atomic<int> ranks_done{0};
    run_thread_ranks(num_ranks, [&](Communicator& comm) {
      // Uneven tokens, the last rank may have none.
      TokenStream stream;
      stream.counts = split_evenly(kRows, std::max(1, num_ranks - 1));
      stream.counts.resize(static_cast<size_t>(num_ranks), 0);
      const int64_t before = sum({stream.counts.begin(), stream.counts.begin() + comm.rank()});
      const LayerSource source{weights, at::TensorOptions(at::kFloat), &comm};
      body(source, stream, [&](const at::Tensor& all) {
        return all.narrow(0, before, stream.counts[static_cast<size_t>(comm.rank())]);
      });
      ++ranks_done;
    });
    EXPECT_EQ(ranks_done, num_ranks);
  }

  int num_ranks = std::get<0>(GetParam());
  Layer layer = std::get<1>(GetParam());
  MemoryWeights weights;
  std::vector<LinearPart> parts;
  at::Tensor x, y, z;
};

TEST_P(CutLayers, ByOutputsGatherTokensAndGiveOwnColumns) {
  on_ranks([&](const LayerSource& source, const TokenStream& stream, const auto& own_rows) {
    const Linear linear = Linear::cut_by_outputs(source, parts, kColumns, layer.bias);
    std::vector<int64_t> expected_rows;
    for (const Dealt& part : layer.parts) {
      expected_rows.push_back(part_of(part.size / part.unit, num_ranks, source.tensor_rank()).size() *
                              part.unit);
    }
    EXPECT_EQ(linear.part_rows(), expected_rows);
    const at::Tensor out = linear(own_rows(x), stream);
    EXPECT_LE(relative(out, own_columns(y, source.tensor_rank())), 1e-6);
  });
}

TEST_P(CutLayers, ByInputsSumAndGiveOwnTokens) {
  on_ranks([&](const LayerSource& source, const TokenStream& stream, const auto& own_rows) {
    const Linear linear = Linear::cut_by_inputs(source, "back", kColumns, layer.parts, layer.bias);
    EXPECT_EQ(linear.part_rows(), (std::vector<int64_t>{kColumns}));
    const at::Tensor out = linear(own_columns(y, source.tensor_rank()), stream);
    EXPECT_LE(relative(out, own_rows(z)), 2e-6);
  });
}

TEST_P(CutLayers, UncutAreTheSameEverywhere) {
  weights.add_linear("a", 5, kColumns);
  weights.add_linear("b", 5, kColumns);
  const at::Tensor expected = at::cat({whole("a", x), whole("b", x)}, -1);
  on_ranks([&](const LayerSource& source, const TokenStream& stream, const auto& own_rows) {
    const Linear linear = Linear::uncut(source, {"a", "b"}, 5, kColumns, layer.bias);
    EXPECT_EQ(linear.part_rows(), (std::vector<int64_t>{5, 5}));
    EXPECT_LE(relative(linear(x), expected), 1e-6);
    EXPECT_LE(relative(linear(own_rows(x), stream), own_rows(expected)), 1e-6);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Table, CutLayers,
    ::testing::Combine(::testing::Values(1, 2, 3, 5),
                       ::testing::Values(Layer{{{24, 1}}, true},                    // a feed-forward layer
                                         Layer{{{20, 4}, {20, 4}, {20, 4}}, true},  // QKV of 5 heads
                                         Layer{{{28, 4}, {28, 4}, {28, 4}, {13, 1}},
                                               true},                        // with an MLP beside
                                         Layer{{{6, 3}, {7, 1}}, false})));  // fewer units than ranks

TEST(Linear, RefusesUnitsThatDoNotFit) {
  MemoryWeights weights;
  weights.add_linear("a", 10, 4);
  const LayerSource source{weights, at::TensorOptions(at::kFloat)};
  EXPECT_THAT(
      [&] {
        Linear::cut_by_outputs(source, {{"a", {10, 4}}}, 4);
      },
      ::testing::ThrowsMessage<InternalError>(
          ::testing::HasSubstr("a weight of 10 cannot be dealt in units of 4")));
}

TEST(Linear, ACutLayerNeedsTheStream) {
  MemoryWeights weights;
  weights.add_linear("a", 4, 4);
  run_thread_ranks(2, [&](Communicator& comm) {
    const LayerSource source{weights, at::TensorOptions(at::kFloat), &comm};
    const Linear linear = Linear::cut_by_outputs(source, {{"a", {4}}}, 4);
    EXPECT_THAT(
        [&] {
          linear(at::zeros({1, 1, 4}));
        },
        ::testing::ThrowsMessage<InternalError>(::testing::HasSubstr("needs the token stream")));
  });
}

}  // namespace
}  // namespace ditmesh
