#include "ditmesh/model/flux_pipeline.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "ditmesh/model/checkpoint.hpp"
#include "ditmesh/model/random_weights.hpp"

namespace ditmesh {

FluxPipeline::FluxPipeline(const FluxDescription& model, at::TensorOptions options,
                           at::ScalarType noise_dtype, InnerGroups& groups, const OnTensor& on_tensor)
    : model_(model), options_(options), noise_dtype_(noise_dtype) {
  RandomWeights random;
  const auto load = [&](const std::string& component, const auto& build) {
    if (!model.folder) return build(LayerSource{random, options, &groups[Axis::tensor]});
    Checkpoint weights(*model.folder / component, on_tensor);
    return build(LayerSource{weights, options, &groups[Axis::tensor]});
  };
  const Range blocks =
      Executor::stage_blocks(static_cast<int>(model.transformer.num_blocks()),
                             groups.coordinate()[Axis::pipeline], groups.mesh().degree(Axis::pipeline));
  transformer_ = load("transformer", [&](const LayerSource& source) {
    return std::make_unique<FluxTransformer>(model.transformer, source, blocks);
  });
  vae_ =
      load("vae", [&](const LayerSource& source) { return std::make_unique<VaeDecoder>(model.vae, source); });
  executor_ = std::make_unique<Executor>(*transformer_, groups);
}

FluxPipeline::~FluxPipeline() = default;

at::Tensor FluxPipeline::noise(const std::vector<PictureRequest>& requests, const BatchShape& shape) const {
  const int64_t channels = model_.vae.latent_channels;
  const int64_t rows = shape.height / model_.pixel_multiple();
  const int64_t columns = shape.width / model_.pixel_multiple();
  std::vector<at::Tensor> packed;
  for (const PictureRequest& request : requests) {
    // Each picture from its own seed on the host, whatever the device and the batch.
    const at::Generator generator = at::detail::createCPUGenerator(request.seed);
    const at::Tensor noise =
        at::randn({1, channels, 2 * rows, 2 * columns}, generator, at::TensorOptions(noise_dtype_));
    // A token is the 2 × 2 latents of all channels: (1, C, rows, 2, columns, 2) → (rows · columns, 1, C·2·2).
    packed.push_back(noise.view({1, channels, rows, 2, columns, 2})
                         .permute({2, 4, 0, 1, 3, 5})
                         .reshape({rows * columns, 1, 4 * channels}));
  }
  return at::cat(packed, 1).to(options_);
}

at::Tensor FluxPipeline::unpack(const at::Tensor& packed, const BatchShape& shape) const {
  const int64_t channels = model_.vae.latent_channels;
  const int64_t rows = shape.height / model_.pixel_multiple();
  const int64_t columns = shape.width / model_.pixel_multiple();
  return packed.view({rows, columns, packed.size(1), channels, 2, 2})
      .permute({2, 3, 0, 4, 1, 5})
      .reshape({packed.size(1), channels, 2 * rows, 2 * columns});
}

Conditioning FluxPipeline::condition(const std::vector<PictureRequest>& requests, bool negative,
                                     const BatchShape& shape, const std::vector<float>& timesteps) {
  std::vector<at::Tensor> text;
  std::vector<at::Tensor> pooled;
  std::vector<double> guidance;
  for (const PictureRequest& request : requests) {
    const PromptStates& states = negative ? request.negative : request.prompt;
    text.push_back(states.text);
    pooled.push_back(states.pooled);
    guidance.push_back(request.guidance);
  }
  Conditions conditions;
  conditions.text = at::stack(text, 1);
  conditions.pooled = at::stack(pooled);
  conditions.guidance = at::tensor(guidance, at::kFloat).to(options_.device());
  conditions.image_rows = shape.height / model_.pixel_multiple();
  conditions.image_columns = shape.width / model_.pixel_multiple();
  return transformer_->prepare(conditions, timesteps);
}

InFlight FluxPipeline::start(const std::vector<PictureRequest>& requests, const BatchShape& shape) {
  auto stepper = std::make_unique<FlowMatchEuler>(model_.scheduler, shape.steps,
                                                  model_.image_tokens(shape.height, shape.width));
  std::vector<Conditioning> branches;
  branches.push_back(condition(requests, false, shape, stepper->timesteps()));
  at::Tensor true_cfg;
  if (shape.true_cfg) {
    branches.push_back(condition(requests, true, shape, stepper->timesteps()));
    std::vector<double> scales;
    for (const PictureRequest& request : requests) scales.push_back(request.true_cfg);
    true_cfg = at::tensor(scales, at::kFloat).to(options_).view({-1, 1});
  }
  return executor_->start(noise(requests, shape), std::move(branches), true_cfg, std::move(stepper));
}

Pictures FluxPipeline::finish(const InFlight& batch, const BatchShape& shape) {
  const at::Tensor latents = unpack(executor_->latents(batch), shape);
  const at::Tensor decoded = decode(latents);
  Pictures pictures;
  const at::Tensor finite = at::isfinite(decoded).flatten(1).all(1).cpu();
  for (int64_t i = 0; i < finite.size(0); ++i) pictures.finite.push_back(finite[i].item<bool>());
  // In the order, dtype and rounding of diffusers' VaeImageProcessor.
  pictures.pixels = decoded.mul(0.5)
                        .add_(0.5)
                        .clamp_(0, 1)
                        .permute({0, 2, 3, 1})
                        .to(at::kFloat)
                        .mul(255)
                        .round_()
                        .nan_to_num_()
                        .to(at::kByte)
                        .contiguous()
                        .cpu();
  pictures.latents = latents.to(at::kFloat).contiguous().cpu();
  return pictures;
}

}  // namespace ditmesh
