#pragma once
// Runs a diffusion transformer on the inner mesh of a replica.

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "ditmesh/comm/communicator.hpp"
#include "ditmesh/mesh/mesh.hpp"
#include "ditmesh/parallel/diffusion_transformer.hpp"

namespace ditmesh {

/// The update of the latents after a step; the scheduler's state is in it.
class Stepper {
 public:
  virtual ~Stepper() = default;
  virtual int num_steps() const = 0;
  /// One per step, as DiffusionTransformer::prepare takes them.
  virtual const std::vector<float>& timesteps() const = 0;
  /// Latents after step `step`; both tensors: any shape, the same.
  virtual at::Tensor step(int step, const at::Tensor& latents, const at::Tensor& prediction) = 0;
};

/// The groups of one rank along the inner axes. Every rank of a replica makes
/// them at the same time.
class InnerGroups {
 public:
  /// `replica` has mesh.inner_size() ranks, in order of their coordinates.
  InnerGroups(Communicator& replica, const Mesh& mesh);

  /// Records each axis's verbs as those of the group that kAxes has in its place.
  void record(Recorder& recorder);

  const Mesh& mesh() const { return mesh_; }
  const PerAxis& coordinate() const { return coordinate_; }
  Communicator& operator[](Axis axis) { return *groups_[static_cast<size_t>(axis)]; }

 private:
  Mesh mesh_;
  PerAxis coordinate_;
  std::array<std::unique_ptr<Communicator>, kAxes.size()> groups_;
};

/// All that belongs to a batch of pictures in the making.
struct InFlight {
  at::Tensor latents;                  // (image rows held, B, latent channels)
  std::vector<Conditioning> branches;  // the prompts; with true CFG also the negative prompts
  at::Tensor true_cfg;                 // (B, 1), with two branches
  std::unique_ptr<Stepper> stepper;
  TokenLayout layout;
  std::unique_ptr<Attention> attention;
  int step = 0;

  bool finished() const { return step >= stepper->num_steps(); }
};

class Executor {
 public:
  /// Both outlive the executor.
  Executor(DiffusionTransformer& model, InnerGroups& groups) : model_(model), groups_(groups) {}

  /// The blocks of pipeline stage `stage` of `stages`.
  static Range stage_blocks(int num_blocks, int stage, int stages);

  /// latents: (image tokens, B, latent channels), the same on all ranks.
  InFlight start(const at::Tensor& latents, std::vector<Conditioning> branches, at::Tensor true_cfg,
                 std::unique_ptr<Stepper> stepper);
  /// One denoising step.
  void advance(InFlight& batch);
  /// All image tokens of a finished batch, on every rank.
  at::Tensor latents(const InFlight& batch);

 private:
  at::Tensor predict(InFlight& batch, const Conditioning& conditioning);

  DiffusionTransformer& model_;
  InnerGroups& groups_;
};

}  // namespace ditmesh
