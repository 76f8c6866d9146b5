#include "pipeline.hpp"

#include <algorithm>

namespace ditmesh {

namespace {

// After its last branch a part has the next step's latents: of itself, or of all patches if those begin now.
void add_latents(const Schedule& schedule, const StageVisit& visit, std::vector<LatentsMessage>& latents) {
  const int next = visit.step + 1;
  if (next == schedule.workload.steps) return;
  if (schedule.is_by_patches(visit.step) == schedule.is_by_patches(next)) {
    latents.push_back({visit.batch, next, visit.part});
    return;
  }
  for (size_t part = 0; part < schedule.parts(next).size(); ++part) {
    latents.push_back({visit.batch, next, part});
  }
}

}  // namespace

PipelineOrder pipeline_order(const Schedule& schedule, const std::vector<int>& branches) {
  PipelineOrder order;
  size_t begun = 0;  // parts of all steps but the first: one message each, in the same order
  for (int step = 0; step < schedule.workload.steps; ++step) {
    const size_t num_parts = schedule.parts(step).size();
    for (int batch = 0; batch < schedule.batches; ++batch) {
      for (size_t part = 0; part < num_parts; ++part) {
        if (step > 0) ++begun;
        for (const int branch : branches) {
          StageVisit visit{batch, step, branch, part, begun, 0};
          if (branch == branches.back()) add_latents(schedule, visit, order.latents);
          visit.sent_latents = order.latents.size();
          order.visits.push_back(visit);
        }
      }
    }
  }
  return order;
}

size_t PipelineOrder::taken_before_send(size_t visit, int num_stages) const {
  const size_t cells = static_cast<size_t>(num_stages) - 1;
  const size_t out = visit < cells ? 0 : visits[visit - cells].sent_latents;
  return std::max(visits[visit].needed_latents, out);
}

}  // namespace ditmesh
