#pragma once
// What a model brings: written as if it ran alone, run by the executor on any mesh.

#include <ATen/core/Tensor.h>

#include <vector>

#include "ditmesh/kernels/norm.hpp"
#include "ditmesh/mesh/token_layout.hpp"
#include "ditmesh/parallel/attention.hpp"

namespace ditmesh {

/// What a batch of B samples is generated from.
struct Conditions {
  at::Tensor text;            // (text tokens, B, text width): states of the long text encoder
  at::Tensor pooled;          // (B, pooled width)
  at::Tensor guidance;        // (B) fp32, used by guidance-distilled models
  int64_t image_rows = 0;     // token rows of the image
  int64_t image_columns = 0;  // token columns
};

/// All that blocks need besides the tokens. Made once per batch, for all steps:
/// timesteps are known before the loop. S steps, B samples, C channels.
struct Conditioning {
  at::Tensor text;                     // (text tokens, B, C), embedded
  std::vector<at::Tensor> modulation;  // per block of this rank: (S, B, k·C)
  at::Tensor head_modulation;          // (S, B, k·C)
  Rotary rotary;                       // of all joint positions
};

class DiffusionTransformer {
 public:
  virtual ~DiffusionTransformer() = default;

  /// Blocks of the whole model, and those that this rank holds.
  virtual int num_blocks() const = 0;
  virtual Range blocks() const = 0;

  /// `timesteps`: one per step, 0 … 1000 as the scheduler counts them.
  virtual Conditioning prepare(const Conditions& conditions, const std::vector<float>& timesteps) = 0;

  /// The rows that `layout` says are held: text, then image; (rows, B, C).
  /// latents: (image rows held, B, latent channels).
  virtual at::Tensor embed(const at::Tensor& latents, const Conditioning& conditioning, int step,
                           const TokenLayout& layout) = 0;

  /// Runs block `index` on the rows, in place.
  virtual void block(int index, at::Tensor& rows, const Conditioning& conditioning, int step,
                     const TokenLayout& layout, Attention& attention) = 0;

  /// The prediction for the image rows held: (image rows, B, latent channels).
  virtual at::Tensor head(const at::Tensor& rows, const Conditioning& conditioning, int step,
                          const TokenLayout& layout) = 0;

  /// Width C of a token row.
  virtual int64_t width() const = 0;
};

/// The rotary table of a stream's gathered rows.
Rotary rotary_of(const Rotary& all, const std::vector<Range>& rows);

}  // namespace ditmesh
