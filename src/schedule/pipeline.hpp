#pragma once
// The order of a pipeline: which parts go through the stages, and when the first stage takes the latents that
// the last one sends back.
//
// All stages do all visits in one order. A stage receives, computes, sends. With sends that block, the stages
// after the first are a chain of cells that hold one visit each, so the first stage must not push a visit in
// before the one that is S − 1 places earlier is out, its latents taken. 3 stages, 4 patches, from step 1 on:
//
//   stage 0   v0 send  v1 send  v2 [v0] send  v3 [v1] send  [v2] v4 …      [v0]: takes the latents of v0
//   stage 1       v0 send  v1 send  v2 send ……
//   stage 2           v0 [send]  v1 [send]  v2 …
//
// Before it sends v2, stage 0 takes v0's latents; stage 2 is then free for v1, stage 1 for v2. And a visit
// begins only when its own latents are there. Image pipelining is the same with batches for patches.

#include <vector>

#include "ditmesh/schedule/schedule.hpp"

namespace ditmesh {

/// A part of a batch in a step, on its way through the stages.
struct StageVisit {
  int batch = 0;
  int step = 0;
  int branch = 0;
  size_t part = 0;  // of Schedule::parts(step)
  // Latents of the step after this one, in messages: those that the first stage must have taken before the
  // visit begins, and those that are on their way once the last stage is through with it.
  size_t needed_latents = 0;
  size_t sent_latents = 0;

  bool operator==(const StageVisit&) const = default;
};

/// The latents of a part of a step, which the last stage sends to the first.
struct LatentsMessage {
  int batch = 0;
  int step = 0;  // that begins with them
  size_t part = 0;

  bool operator==(const LatentsMessage&) const = default;
};

/// The visits of ranks that do these branches, and the latents sent, both in order.
struct PipelineOrder {
  std::vector<StageVisit> visits{};
  std::vector<LatentsMessage> latents{};

  /// How many messages the first stage must have taken before it sends the visit on.
  size_t taken_before_send(size_t visit, int num_stages) const;

  bool operator==(const PipelineOrder&) const = default;
};

PipelineOrder pipeline_order(const Schedule& schedule, const std::vector<int>& branches);

}  // namespace ditmesh
