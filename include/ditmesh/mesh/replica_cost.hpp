#pragma once
// How long a replica takes for a batch of pictures.

#include <array>
#include <vector>

#include "ditmesh/base/range.hpp"
#include "ditmesh/mesh/axis_cost.hpp"
#include "ditmesh/mesh/compute_cost.hpp"

namespace ditmesh {

/// What a replica is to do, and how.
struct ReplicaTask {
  const ModelShape& model;
  const Workload& workload;
  const Implementation& implementation;
  Mesh mesh;                    // its inner degrees
  std::vector<Range> stages{};  // blocks of each stage of the pipeline
};

/// A rank's work on one block for the tokens of a visit, one branch; s and bytes by axis.
struct BlockTime {
  double compute_s = 0;
  double exposed_s = 0;  // communication that nothing hides
  double hidden_s = 0;   // beside attention
  std::array<double, kAxes.size()> axis_s{};
  std::array<double, kAxes.size()> axis_bytes{};
};

/// The tokens of a visit, in any stage.
struct VisitTime {
  Visit visit{};
  BlockTime joint{};
  BlockTime single{};
};

/// One visit of a pipeline stage, all branches that the rank runs; s.
struct StageTime {
  double compute_s = 0;
  double exposed_s = 0;
  double send_s = 0;  // of what it hands to the next stage

  double total_s() const { return compute_s + exposed_s; }
};

/// Times of a batch, in s.
struct ReplicaCost {
  double encode_s = 0;
  double prepare_s = 0;
  double decode_s = 0;
  double step_s = 0;                          // of one batch alone
  double latency_s = 0;                       // from prompt to picture, the replica free before
  double period_s = 0;                        // from batch to batch when the queue is full
  double compute_s = 0;                       // of a step, on the busiest rank
  double bubble = 0;                          // share of a full queue's time in which stages wait
  std::array<double, kAxes.size()> axis_s{};  // that a step waits for, were nothing hidden
  double hidden_s = 0;                        // of these, beside attention
  PerLevel bytes{};                           // of a batch, by the level they cross, all ranks

  double communication_s() const;
};

/// Times of a replica's ranks. The simulator of programs takes its figures here too, so that both can be
/// compared.
class ReplicaTimes {
 public:
  /// Keeps a reference to what `task` refers to, and to the others.
  ReplicaTimes(const ReplicaTask& task, const ComputeCost& compute, const AxisCosts& axes);

  VisitTime visit(const Visit& visit) const;
  StageTime stage(int stage, const VisitTime& visit) const;

  /// Pipelines without patches have as many batches in flight as stages. With patches: warm-up steps pass the
  /// stages one after the other; then a step takes as long as the dearest stage takes for all patches, or as
  /// one patch takes through all stages, whatever is longer.
  ReplicaCost cost() const;

 private:
  struct Sum;

  BlockTime block(BlockKind kind, const Visit& visit) const;
  double ends_s(int stage, const Visit& visit) const;
  double sent_bytes(int stage, const Visit& visit) const;
  double num_blocks(int stage, BlockKind kind) const;
  int num_stages() const { return static_cast<int>(task_.stages.size()); }

  const ReplicaTask& task_;
  const ComputeCost& compute_;
  const AxisCosts& axes_;
  double branches_ = 1;  // that a rank runs, one after the other
};

/// Stages of about the same time each on this device, the model's ends counted.
std::vector<Range> stages_by_cost(const ModelShape& model, const ComputeCost& compute, int num_stages);
/// Stages of about as many weights each.
std::vector<Range> stages_by_weights(const ModelShape& model, int num_stages);

}  // namespace ditmesh
