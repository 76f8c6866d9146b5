#pragma once
// What a replica is to do, and from it the program of each rank.

#include <vector>

#include "ditmesh/base/range.hpp"
#include "ditmesh/mesh/mesh.hpp"
#include "ditmesh/mesh/model_shape.hpp"
#include "ditmesh/mesh/token_layout.hpp"
#include "ditmesh/mesh/workload.hpp"
#include "ditmesh/schedule/operation.hpp"

namespace ditmesh {

/// A run of image tokens that goes through the stages at once, with or without the text tokens.
struct TokenRun {
  int patch = kAllPatches;
  bool has_text = true;
  Range image{};  // joint positions

  bool operator==(const TokenRun&) const = default;
};

/// Whatever a rank's program depends on, the same on all ranks. Made by make_schedule().
struct Schedule {
  Mesh mesh{};
  ModelShape model{};
  Workload workload{};
  int batches = 1;              // in flight together
  std::vector<Range> stages{};  // blocks of each pipeline stage

  int64_t num_text() const;
  int64_t num_image() const { return model.image_tokens(workload.height, workload.width); }
  int shards() const;  // ranks that share the tokens of a stage
  /// Steps from this one on go patch by patch.
  bool is_by_patches(int step) const { return workload.patches > 1 && step >= workload.warmup_steps; }
  /// What goes through the stages in a step, in order.
  ///   4 text and 6 image tokens, 2 patches, 1 warm-up step:
  ///     step 0   all      text and [4, 10)
  ///     step 1…  patch 0  text and [4, 7)
  ///              patch 1  [7, 10)
  std::vector<TokenRun> parts(int step) const;
  /// A part's tokens on the rank at this coordinate; positions count from the part's first.
  TokenLayout layout(const TokenRun& part, const PerAxis& coordinate) const;

  bool operator==(const Schedule&) const = default;
};

/// `batches`: 0 is as many as the pipeline has stages, or 1 with patches. `stages`: none are balanced by the
/// blocks' floating-point operations. Throws ConfigError for what cannot be run.
Schedule make_schedule(const Mesh& mesh, const ModelShape& model, const Workload& workload, int batches = 0,
                       std::vector<Range> stages = {});

/// Cost of each block, of the embedding and of the head, in floating-point operations of one picture.
struct BlockFlops {
  std::vector<double> blocks{};
  double embedding = 0;
  double head = 0;
};
BlockFlops block_flops(const ModelShape& model, int64_t num_text, int64_t num_image);

/// All steps of all batches in flight, to the decoded pictures. It asks no other rank.
///
/// Sends may block until the receiver took what is sent; see src/schedule/pipeline.hpp for why no rank then
/// waits for ever.
Program program_of(const Schedule& schedule, int rank);

/// The operations of one step, in order, without the latents that pass from step to step.
Program step_of(const Program& program, int step);

}  // namespace ditmesh
