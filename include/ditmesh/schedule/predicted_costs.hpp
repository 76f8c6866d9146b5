#pragma once
// What the planner's cost model says of the operations of a program.

#include "ditmesh/mesh/axis_cost.hpp"
#include "ditmesh/mesh/compute_cost.hpp"
#include "ditmesh/schedule/simulator.hpp"

namespace ditmesh {

class PredictedCosts final : public OperationCosts {
 public:
  /// All ranks have devices of one model. Keeps a reference to the schedule.
  PredictedCosts(const Schedule& schedule, const Implementation& implementation, const DeviceModel& device);

  double seconds(const Operation& operation, int rank) const override;
  double attention_share(const Operation& operation) const override;
  double start_seconds(Pattern pattern, int num_ranks, Level level) const override;
  double link_share(Level level) const override { return reached_share(level); }

  const ComputeCost& compute() const { return compute_; }

 private:
  Visit visit_of(const Operation& operation) const;

  const Schedule& schedule_;
  DeviceKind kind_;
  ComputeCost compute_;
};

}  // namespace ditmesh
