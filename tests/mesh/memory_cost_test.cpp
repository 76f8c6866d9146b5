#include "ditmesh/mesh/memory_cost.hpp"

#include <gtest/gtest.h>

#include "ditmesh/mesh/stages.hpp"

namespace ditmesh {
namespace {

// What nvidia-smi showed at most while `ditmesh bench --model flux.1-dev` ran on one H100, MiB: it releases
// the encoders.
struct Measured {
  int64_t pixels;
  int64_t batch;
  double mib;
};

class MeasuredMemory : public testing::TestWithParam<Measured> {};

TEST_P(MeasuredMemory, IsPredictedWithinFivePercent) {
  const ModelShape model = find_model_shape("flux.1-dev");
  const Workload workload{.height = GetParam().pixels,
                          .width = GetParam().pixels,
                          .steps = 10,
                          .batch = GetParam().batch,
                          .text_tokens = 512};
  const MemoryCost cost = memory_cost(model, workload, Mesh(), {{0, 57}}, EncoderPlace::released, true,
                                      find_implementation("ditmesh"));
  EXPECT_NEAR(static_cast<double>(cost.peak()) / (1 << 20), GetParam().mib, 0.05 * GetParam().mib)
      << to_text(cost);
}

INSTANTIATE_TEST_SUITE_P(H100, MeasuredMemory,
                         testing::Values(Measured{256, 1, 25393}, Measured{512, 1, 26263},
                                         Measured{1024, 1, 29641}, Measured{1024, 2, 34105},
                                         Measured{1024, 4, 43403}, Measured{2048, 1, 43287}));

MemoryCost of_mesh(const Mesh& mesh, int patches = 1) {
  const ModelShape model = find_model_shape("flux.1-dev");
  const Workload workload{.text_tokens = 512, .patches = patches};
  const auto stages = balanced_stages(std::vector<double>(57, 1.0), mesh.degree(Axis::pipeline));
  return memory_cost(model, workload, mesh, stages, EncoderPlace::released, true,
                     find_implementation("ditmesh"));
}

TEST(MemoryCost, IsCutByTensorAndStages) {
  const MemoryCost whole = of_mesh(Mesh());
  const MemoryCost tensor = of_mesh(Mesh().with(Axis::tensor, 2));
  const MemoryCost pipeline = of_mesh(Mesh().with(Axis::pipeline, 2));
  const MemoryCost ulysses = of_mesh(Mesh().with(Axis::ulysses, 2));
  // Modulations stay whole on every rank of a tensor group.
  EXPECT_GT(tensor.weights, whole.weights / 2);
  EXPECT_LT(tensor.weights, whole.weights * 2 / 3);
  EXPECT_LT(pipeline.weights, whole.weights * 7 / 10);
  EXPECT_EQ(ulysses.weights, whole.weights);
  EXPECT_NEAR(static_cast<double>(ulysses.activations), static_cast<double>(whole.activations) / 2, 1e6);
  EXPECT_EQ(tensor.encoders, whole.encoders / 2);
}

TEST(MemoryCost, PatchesKeepKeysAndValues) {
  EXPECT_EQ(of_mesh(Mesh().with(Axis::pipeline, 2)).cache, 0u);
  // 29 of the 57 blocks: keys and values of 4,608 tokens, 3,072 numbers each, 2 B.
  EXPECT_EQ(of_mesh(Mesh().with(Axis::pipeline, 2), 4).cache, 2u * 29 * 4608 * 3072 * 2);
  // Ulysses keeps its heads only, ring all tokens.
  EXPECT_EQ(of_mesh(Mesh().with(Axis::ulysses, 2), 4).cache, 2u * 57 * 4608 * 1536 * 2);
  EXPECT_EQ(of_mesh(Mesh().with(Axis::ring, 2), 4).cache, 2u * 57 * 4608 * 3072 * 2);
}

}  // namespace
}  // namespace ditmesh
