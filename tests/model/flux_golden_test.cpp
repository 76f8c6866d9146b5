// Stage by stage against diffusers, for every folder of goldens.

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/stack.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/model/tokenizer.hpp"
#include "model/golden.hpp"

namespace ditmesh {
namespace {

using testing::Golden;
using testing::psnr;
using testing::relative;

class FluxGolden : public ::testing::TestWithParam<std::string> {
 protected:
  FluxGolden() : golden(GetParam()), wide(golden.dtype() == at::kFloat), groups(alone, Mesh()) {}

  // fp32 equals diffusers (on a GPU two libraries' sums differ more); a 16-bit step is good to two per cent.
  double tolerance() const { return !wide ? 2e-2 : golden.options().device().is_cpu() ? 1e-4 : 1e-3; }

  FluxPipeline pipeline() { return FluxPipeline(golden.model(), golden.options(), golden.dtype(), groups); }

  c10::InferenceMode no_gradients;
  Golden golden;
  bool wide;
  LocalCommunicator alone;
  InnerGroups groups;
};

TEST_P(FluxGolden, WeightsAndTokenizersPassTheCheck) { EXPECT_GT(check_flux_folder(golden.model()), 0U); }

TEST_P(FluxGolden, TokenIds) {
  const auto folder = *golden.model().folder;
  const auto clip = load_clip_tokenizer(folder / "tokenizer");
  const auto t5 = load_t5_tokenizer(folder / "tokenizer_2");
  const auto samples = golden.samples();
  for (size_t i = 0; i < samples.size(); ++i) {
    const at::Tensor clip_ids = golden.tensor("clip_ids")[static_cast<int64_t>(i)];
    const at::Tensor t5_ids = golden.tensor("t5_ids")[static_cast<int64_t>(i)];
    EXPECT_TRUE(at::tensor(clip->encode(samples[i].prompt, clip_ids.size(0)).ids, at::kLong).equal(clip_ids));
    EXPECT_TRUE(at::tensor(t5->encode(samples[i].prompt, t5_ids.size(0)).ids, at::kLong).equal(t5_ids));
  }
}

TEST_P(FluxGolden, Embeddings) {
  const auto requests = golden.requests();
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    EXPECT_LE(relative(requests[i].prompt.pooled, golden.tensor("pooled")[row]), tolerance());
    EXPECT_LE(relative(requests[i].prompt.text, golden.tensor("t5_embedding")[row]), tolerance());
  }
}

TEST_P(FluxGolden, SigmasAndTimesteps) {
  const BatchShape shape = golden.shape();
  const FlowMatchEuler stepper(golden.model().scheduler, shape.steps,
                               golden.model().image_tokens(shape.height, shape.width));
  const at::Tensor sigmas = golden.tensor("sigmas");
  const at::Tensor timesteps = golden.tensor("timesteps");
  ASSERT_EQ(stepper.num_steps(), timesteps.size(0));
  // One unit in the last place: NumPy and the C library round exp differently.
  EXPECT_LE(relative(at::tensor(stepper.sigmas(), at::kFloat), sigmas), 2e-7);
  EXPECT_LE(relative(at::tensor(stepper.timesteps(), at::kFloat), timesteps), 2e-7);
}

TEST_P(FluxGolden, Noise) {
  auto pipe = pipeline();
  const at::Tensor packed = pipe.noise(golden.requests(), golden.shape());
  EXPECT_TRUE(packed.cpu().transpose(0, 1).equal(golden.tensor("latents_initial")));
}

// The transformer alone, on the inputs that diffusers gave to its own.
TEST_P(FluxGolden, OneStep) {
  auto pipe = pipeline();
  auto requests = golden.requests();
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt.text = golden.tensor("t5_embedding")[static_cast<int64_t>(i)].to(golden.options());
    requests[i].prompt.pooled = golden.tensor("pooled")[static_cast<int64_t>(i)].to(golden.options());
  }
  InFlight batch = pipe.start(requests, golden.shape());
  DiffusionTransformer& model = pipe.transformer();
  const Conditioning& conditioning = batch.branches[0];
  at::Tensor rows = model.embed(batch.latents, conditioning, 0, batch.layout);
  for (int i = 0; i < model.num_blocks(); ++i)
    model.block(i, rows, conditioning, 0, batch.layout, *batch.attention);
  const at::Tensor velocity = model.head(rows, conditioning, 0, batch.layout);
  EXPECT_LE(relative(velocity.transpose(0, 1), golden.tensor("step_output")), tolerance());
}

TEST_P(FluxGolden, LatentsAndPixels) {
  auto pipe = pipeline();
  InFlight batch = pipe.start(golden.requests(), golden.shape());
  while (!batch.finished()) pipe.advance(batch);
  const Pictures pictures = pipe.finish(batch, golden.shape());
  const at::Tensor pixels = golden.tensor("pixels");
  for (const bool finite : pictures.finite) EXPECT_TRUE(finite);
  if (wide) {
    EXPECT_LE(relative(pictures.latents, golden.tensor("latents")), tolerance());
    EXPECT_LE((pictures.pixels.to(at::kInt) - pixels.to(at::kInt)).abs().max().item<int>(), 1);
  }
  EXPECT_GE(psnr(pictures.pixels, pixels), 35.0);
}

// Each picture of a batch is the picture it would be alone.
TEST_P(FluxGolden, CompanyDoesNotMatter) {
  auto pipe = pipeline();
  const auto requests = golden.requests();
  if (requests.size() < 2) GTEST_SKIP() << "one sample";
  InFlight together = pipe.start(requests, golden.shape());
  while (!together.finished()) pipe.advance(together);
  for (size_t i = 0; i < requests.size(); ++i) {
    InFlight alone_batch = pipe.start({requests[i]}, golden.shape());
    while (!alone_batch.finished()) pipe.advance(alone_batch);
    EXPECT_LE(relative(together.latents.select(1, static_cast<int64_t>(i)), alone_batch.latents.select(1, 0)),
              tolerance());
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, FluxGolden, ::testing::ValuesIn(testing::golden_cases()),
                         [](const auto& golden) { return golden.param; });

}  // namespace
}  // namespace ditmesh
