#include "simulation_trace.hpp"

#include <cmath>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr size_t kNoSpan = static_cast<size_t>(-1);

int64_t nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

std::string coordinate_text(const Mesh& mesh, int rank) {
  std::vector<std::string> parts;
  for (const Axis axis : kAxes) {
    if (mesh.degree(axis) > 1) parts.push_back(cat(axis_name(axis), "=", mesh.coordinate(rank)[axis]));
  }
  return parts.empty() ? "data=0" : join(parts, ",");
}

bool is_message_of_latents(const Operation& operation, OperationKind kind) {
  return operation.kind == kind && operation.payload == Payload::latents;
}

// A span is a step of a batch. Latents are sent in the step that made them and waited for in any, wherever
// they belong.
std::vector<SimulatedRankTrace::Step> steps_of(const Program& program) {
  std::vector<SimulatedRankTrace::Step> steps;
  for (const Operation& operation : program) {
    const bool is_of_last = is_message_of_latents(operation, OperationKind::send) && !steps.empty();
    steps.push_back(is_of_last ? steps.back() : SimulatedRankTrace::Step{operation.step, operation.batch});
  }
  for (size_t i = program.size(); i-- > 1;) {
    if (is_message_of_latents(program[i - 1], OperationKind::receive)) steps[i - 1] = steps[i];
  }
  return steps;
}

// The operations before the pictures are put together.
size_t num_in_steps(const Program& program) {
  size_t count = program.size();
  while (count > 0 && (program[count - 1].kind == OperationKind::collective ||
                       program[count - 1].kind == OperationKind::decode)) {
    --count;
  }
  return count;
}

}  // namespace

SimulatedRankTrace::SimulatedRankTrace(const Schedule& schedule, const Program& program, int rank,
                                       const Cluster& cluster, DeviceId device)
    : program_(program), first_(program.size()), last_(program.size()), span_(program.size(), kNoSpan) {
  const auto& node = cluster.nodes[static_cast<size_t>(device.node)];
  trace_.info.rank = rank;
  trace_.info.num_ranks = schedule.mesh.size();
  trace_.info.coordinate = coordinate_text(schedule.mesh, rank);
  trace_.info.host = node.name;
  trace_.info.device = cluster.device(device).model;
  for (const Axis axis : kAxes) trace_.info.groups.emplace_back(axis_name(axis));
  trace_.is_closed = true;
  const int replica = schedule.mesh.coordinate(rank)[Axis::data];
  first_sample_ = int64_t{replica} * schedule.batches * schedule.workload.batch;
  batch_size_ = static_cast<int32_t>(schedule.workload.batch);
  makes_samples_ = rank % schedule.mesh.inner_size() == 0;

  steps_ = steps_of(program);
  const size_t in_steps = num_in_steps(program);
  for (size_t i = 0; i < program.size(); ++i) {
    const bool goes_on = i > 0 && i < in_steps && steps_[i] == steps_[i - 1];
    first_[i] = goes_on ? first_[i - 1] : i;
    last_[first_[i]] = i;
  }
}

void SimulatedRankTrace::begin(size_t place, double now) {
  if (first_[place] != place) return;
  const OperationKind last = program_[last_[place]].kind;
  const bool is_decode = last == OperationKind::decode;
  if (place == last_[place] && last == OperationKind::collective) return;
  span_[place] = trace_.spans.size();
  Span span;
  span.phase = is_decode ? Phase::decode : Phase::denoise;
  span.start_ns = nanoseconds(now);
  span.sample = first_sample_ + int64_t{steps_[place].batch} * batch_size_;
  span.num_samples = is_decode && !makes_samples_ ? 0 : batch_size_;
  span.step = is_decode ? -1 : steps_[place].step;
  trace_.spans.push_back(span);
}

void SimulatedRankTrace::end(size_t place, double now) {
  const size_t first = first_[place];
  if (last_[first] != place || span_[first] == kNoSpan) return;
  Span& span = trace_.spans[span_[first]];
  span.duration_ns = nanoseconds(now) - span.start_ns;
}

void SimulatedRankTrace::wait(size_t place, Axis axis, double from, double until, double bytes) {
  Span span;
  span.phase = Phase::communicate;
  span.start_ns = nanoseconds(from);
  span.duration_ns = nanoseconds(until) - span.start_ns;
  span.sample = first_sample_ + int64_t{program_[place].batch} * batch_size_;
  span.step = program_[place].step;
  span.bytes = std::llround(bytes);
  span.group = static_cast<uint8_t>(axis);
  trace_.spans.push_back(span);
}

}  // namespace ditmesh
