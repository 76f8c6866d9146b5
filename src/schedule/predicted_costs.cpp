#include "ditmesh/schedule/predicted_costs.hpp"

#include <algorithm>

namespace ditmesh {

PredictedCosts::PredictedCosts(const Schedule& schedule, const Implementation& implementation,
                               const DeviceModel& device)
    : schedule_(schedule),
      kind_(device.kind),
      compute_(schedule.model, schedule.workload, implementation,
               DeviceSpeed(device, schedule.workload.dtype), schedule.mesh) {}

Visit PredictedCosts::visit_of(const Operation& operation) const {
  const auto num_text = schedule_.num_text();
  const int64_t text = std::clamp<int64_t>(num_text - operation.tokens.begin, 0, operation.tokens.size());
  return {static_cast<double>(operation.tokens.size() - text), static_cast<double>(text),
          static_cast<double>(num_text + schedule_.num_image())};
}

double PredictedCosts::seconds(const Operation& operation, int /*rank*/) const {
  const Visit visit = visit_of(operation);
  switch (operation.kind) {
    case OperationKind::embed:
      return compute_.embed_s(visit);
    case OperationKind::blocks: {
      const BlockCost block = compute_.block(operation.block_kind, visit);
      return static_cast<double>(operation.blocks.size()) * (block.compute_s + block.attention_s);
    }
    case OperationKind::head:
      return compute_.head_s(visit);
    case OperationKind::scheduler:
      return compute_.update_s(visit);
    case OperationKind::decode:
      return compute_.decode_s(schedule_.mesh.inner_size());
    case OperationKind::send:
    case OperationKind::receive:
    case OperationKind::collective:
      return 0;
  }
  return 0;
}

double PredictedCosts::attention_share(const Operation& operation) const {
  const BlockCost block = compute_.block(operation.block_kind, visit_of(operation));
  // While the last of a ring's parts is attended to, nothing more is on its way.
  const double ring = schedule_.mesh.degree(Axis::ring);
  const double beside = ring > 1 ? (ring - 1) / ring : 1;
  return beside * block.attention_s / (block.compute_s + block.attention_s);
}

double PredictedCosts::start_seconds(Pattern pattern, int num_ranks, Level level) const {
  return start_s(pattern, num_ranks, level, kind_);
}

}  // namespace ditmesh
