#pragma once
// FLUX.1 on one rank of a replica: encoded prompts and seeds in, pictures out.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "ditmesh/model/flux_description.hpp"
#include "ditmesh/model/prompt_encoder.hpp"
#include "ditmesh/parallel/executor.hpp"

namespace ditmesh {

/// One picture to make.
struct PictureRequest {
  PromptStates prompt;
  PromptStates negative;  // with true CFG
  uint64_t seed = 0;
  double guidance = 0;
  double true_cfg = 1;
};

/// What all pictures of a batch share.
struct BatchShape {
  int64_t height = 0;
  int64_t width = 0;
  int steps = 0;
  bool true_cfg = false;
};

/// Finished pictures of a batch, on the host.
struct Pictures {
  at::Tensor pixels;         // (B, H, W, 3) uint8
  at::Tensor latents;        // (B, C, h, w) fp32
  std::vector<bool> finite;  // false: the model gave NaN or infinity for this one
};

/// Equals diffusers' FluxPipeline with a CPU generator per picture.
class FluxPipeline {
 public:
  /// Reads the weights that this rank of the inner mesh needs. `noise_dtype`: in which the
  /// noise is drawn. `groups` outlives the pipeline. What `on_tensor` throws comes through.
  FluxPipeline(const FluxDescription& model, at::TensorOptions options, at::ScalarType noise_dtype,
               InnerGroups& groups, const OnTensor& on_tensor = {});
  ~FluxPipeline();

  /// Begins a batch; the requests are its samples.
  InFlight start(const std::vector<PictureRequest>& requests, const BatchShape& shape);
  void advance(InFlight& batch) { executor_->advance(batch); }
  /// Decodes a finished batch.
  Pictures finish(const InFlight& batch, const BatchShape& shape);

  /// Packed latents (tokens, B, 4·channels) of the requests' seeds.
  at::Tensor noise(const std::vector<PictureRequest>& requests, const BatchShape& shape) const;
  /// Latents (B, C, h, w) of packed ones.
  at::Tensor unpack(const at::Tensor& packed, const BatchShape& shape) const;
  /// Latents (B, C, h, w) to a picture (B, 3, H, W), about −1 … 1.
  at::Tensor decode(const at::Tensor& latents) const { return (*vae_)(latents); }

  DiffusionTransformer& transformer() { return *transformer_; }

 private:
  Conditioning condition(const std::vector<PictureRequest>& requests, bool negative, const BatchShape& shape,
                         const std::vector<float>& timesteps);

  FluxDescription model_;
  at::TensorOptions options_;
  at::ScalarType noise_dtype_;
  std::unique_ptr<FluxTransformer> transformer_;
  std::unique_ptr<VaeDecoder> vae_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace ditmesh
