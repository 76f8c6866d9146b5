#include "ditmesh/mesh/replica_cost.hpp"

#include <algorithm>
#include <numeric>

#include "ditmesh/mesh/stages.hpp"

namespace ditmesh {

namespace {

size_t index(Axis axis) { return static_cast<size_t>(axis); }

}  // namespace

double ReplicaCost::communication_s() const {
  return std::accumulate(axis_s.begin(), axis_s.end(), 0.0) - hidden_s;
}

ReplicaTimes::ReplicaTimes(const ReplicaTask& task, const ComputeCost& compute, const AxisCosts& axes)
    : task_(task),
      compute_(compute),
      axes_(axes),
      branches_(static_cast<double>(task.workload.branches) / task.mesh.degree(Axis::cfg)) {}

BlockTime ReplicaTimes::block(BlockKind kind, const Visit& visit) const {
  const BlockCost cost = compute_.block(kind, visit);
  BlockTime time;
  time.compute_s = cost.compute_s + cost.attention_s;
  double beside_s = 0;
  for (const Collective& each : cost.collectives) {
    const size_t axis = index(each.axis);
    const double seconds = each.calls * axes_[axis].seconds(each.pattern, static_cast<double>(each.bytes),
                                                            task_.mesh.degree(each.axis));
    time.axis_s[axis] += seconds;
    time.axis_bytes[axis] += static_cast<double>(each.bytes) * each.calls;
    (each.overlapped ? beside_s : time.exposed_s) += seconds;
  }
  if (beside_s > 0) {
    // While the last of a ring's parts is attended to, nothing more is on its way.
    const double ring = task_.mesh.degree(Axis::ring);
    time.hidden_s = std::min(beside_s, cost.attention_s * (ring - 1) / ring);
    time.exposed_s += beside_s - time.hidden_s;
  }
  return time;
}

VisitTime ReplicaTimes::visit(const Visit& visit) const {
  if (task_.model.unet) return {visit, {}, {compute_.unet_s(), 0, 0, {}, {}}};
  return {visit, block(BlockKind::joint, visit), block(BlockKind::single, visit)};
}

double ReplicaTimes::num_blocks(int stage, BlockKind kind) const {
  const Range blocks = task_.stages[static_cast<size_t>(stage)];
  const int64_t joint = std::clamp<int64_t>(task_.model.num_joint_blocks - blocks.begin, 0, blocks.size());
  return static_cast<double>(kind == BlockKind::joint ? joint : blocks.size() - joint);
}

// What a stage does beside blocks: embedding and head, guidance, the scheduler's update.
double ReplicaTimes::ends_s(int stage, const Visit& visit) const {
  double seconds = stage == 0 ? compute_.embed_s(visit) * branches_ : 0;
  if (stage + 1 == num_stages()) seconds += compute_.head_s(visit) * branches_ + compute_.update_s(visit);
  return seconds;
}

double ReplicaTimes::sent_bytes(int stage, const Visit& visit) const {
  return stage + 1 == num_stages() ? compute_.latent_bytes(visit)
                                   : compute_.activation_bytes(visit) * branches_;
}

StageTime ReplicaTimes::stage(int stage, const VisitTime& visit) const {
  StageTime time;
  for (const auto& [kind, block] :
       {std::pair(BlockKind::joint, &visit.joint), std::pair(BlockKind::single, &visit.single)}) {
    const double count = num_blocks(stage, kind) * branches_;
    time.compute_s += count * block->compute_s;
    time.exposed_s += count * block->exposed_s;
  }
  time.compute_s += ends_s(stage, visit.visit);
  if (stage + 1 == num_stages() && task_.mesh.degree(Axis::cfg) > 1) {
    time.exposed_s += axes_[index(Axis::cfg)].seconds(Pattern::all_gather, compute_.latent_bytes(visit.visit),
                                                      task_.mesh.degree(Axis::cfg));
  }
  if (num_stages() > 1) {
    time.send_s =
        axes_[index(Axis::pipeline)].seconds(Pattern::exchange, sent_bytes(stage, visit.visit), num_stages());
  }
  return time;
}

// A cost in the making.
struct ReplicaTimes::Sum {
  const ReplicaTimes& times;
  ReplicaCost cost{};
  std::array<double, kAxes.size()> axis_bytes{};  // of a step, an average rank

  // What is said in `weight` visits of a stage in each step. A whole picture waits for what all stages say,
  // one after the other; patches are in all stages at once.
  void add(int stage, const VisitTime& visit, const StageTime& time, double weight) {
    const double stages = times.num_stages();
    const double ranks_that_wait = times.task_.workload.patches > 1 ? stages : 1;
    for (const auto& [kind, block] :
         {std::pair(BlockKind::joint, &visit.joint), std::pair(BlockKind::single, &visit.single)}) {
      const double count = times.num_blocks(stage, kind) * times.branches_ * weight;
      for (size_t axis = 0; axis < kAxes.size(); ++axis) {
        cost.axis_s[axis] += block->axis_s[axis] * count / ranks_that_wait;
        axis_bytes[axis] += block->axis_bytes[axis] * count / stages;
      }
      cost.hidden_s += block->hidden_s * count / ranks_that_wait;
    }
    if (stages > 1) {
      cost.axis_s[index(Axis::pipeline)] += time.send_s * weight;
      const double senders = times.task_.mesh.inner_size() / stages;
      const Level level = times.axes_[index(Axis::pipeline)].next_levels.at(static_cast<size_t>(stage));
      cost.bytes[static_cast<size_t>(level)] +=
          times.sent_bytes(stage, visit.visit) * weight * senders * times.task_.workload.steps;
    }
    const int cfg = times.task_.mesh.degree(Axis::cfg);
    if (stage + 1 == times.num_stages() && cfg > 1) {
      const double bytes = times.compute_.latent_bytes(visit.visit);
      cost.axis_s[index(Axis::cfg)] +=
          times.axes_[index(Axis::cfg)].seconds(Pattern::all_gather, bytes, cfg) * weight;
      axis_bytes[index(Axis::cfg)] += bytes * weight / stages;
    }
  }

  void count_bytes() {
    const double ranks = times.task_.mesh.inner_size();
    for (size_t axis = 0; axis < kAxes.size(); ++axis) {
      const AxisCost& each = times.axes_[axis];
      const PerLevel& share = axis == index(Axis::ulysses) ? each.share_to_all : each.share_to_next;
      for (size_t level = 0; level < kNumLevels; ++level)
        cost.bytes[level] += axis_bytes[axis] * times.task_.workload.steps * ranks * share[level];
    }
  }

  // Returns the time of all steps of a batch when the queue is full.
  double whole_pictures() {
    const VisitTime visit = times.visit(times.compute_.whole());
    double dearest_s = 0;
    double busy_s = 0;
    for (int stage = 0; stage < times.num_stages(); ++stage) {
      const StageTime time = times.stage(stage, visit);
      add(stage, visit, time, 1);
      cost.step_s += time.total_s() + time.send_s;
      dearest_s = std::max({dearest_s, time.total_s(), time.send_s});
      busy_s += time.total_s();
      cost.compute_s = std::max(cost.compute_s, time.compute_s);
    }
    cost.bubble = 1 - busy_s / (dearest_s * times.num_stages());
    return times.task_.workload.steps * dearest_s;
  }

  double patches() {
    const Workload& work = times.task_.workload;
    const double steps = work.steps;
    const double warmups = std::min(work.warmup_steps, work.steps);
    const double share = (steps - warmups) / steps;
    const double others = work.patches - 1;
    const VisitTime whole = times.visit(times.compute_.whole());
    const VisitTime first = times.visit(times.compute_.patch(0));  // with the text
    const VisitTime other = times.visit(times.compute_.patch(1));
    const int stages = times.num_stages();
    double warmup_s = 0;
    double dearest_s = 0;  // a stage's time for all patches
    double through_s = 0;  // the first patch's through all stages and back
    double busy_s = 0;
    double last_fill_s = 0;
    for (int stage = 0; stage < stages; ++stage) {
      const StageTime warm = times.stage(stage, whole);
      const StageTime with_text = times.stage(stage, first);
      const StageTime without = times.stage(stage, other);
      add(stage, whole, warm, warmups / steps);
      add(stage, first, with_text, share);
      add(stage, other, without, share * others);
      warmup_s += warm.total_s() + warm.send_s;
      through_s += with_text.total_s() + with_text.send_s;
      dearest_s = std::max(dearest_s, std::max(with_text.total_s(), with_text.send_s) +
                                          others * std::max(without.total_s(), without.send_s));
      busy_s += with_text.total_s() + others * without.total_s();
      if (stage + 1 < stages) last_fill_s += without.total_s() + without.send_s;
      cost.compute_s = std::max(cost.compute_s, with_text.compute_s + others * without.compute_s);
    }
    const double patched_s = std::max(dearest_s, stages == 1 ? 0 : through_s);
    const double patched = steps - warmups;
    const double all_s = warmups * warmup_s + patched * patched_s + (patched > 0 ? last_fill_s : 0);
    cost.step_s = all_s / steps;
    cost.bubble = std::max(0.0, 1 - (warmups * warmup_s + patched * busy_s) / (all_s * stages));
    return all_s;
  }
};

ReplicaCost ReplicaTimes::cost() const {
  Sum sum{*this};
  ReplicaCost& cost = sum.cost;
  cost.encode_s = compute_.encode_s(task_.mesh.inner_size());
  cost.decode_s = compute_.decode_s(task_.mesh.inner_size());
  if (!task_.model.unet) {
    cost.prepare_s = compute_.prepare_s(static_cast<int>(num_blocks(0, BlockKind::joint)),
                                        static_cast<int>(num_blocks(0, BlockKind::single))) *
                     branches_;
  }
  const double steps_s = task_.workload.patches > 1 ? sum.patches() : sum.whole_pictures();
  const double outside_steps_s = cost.encode_s + cost.prepare_s + cost.decode_s;
  cost.latency_s = outside_steps_s + task_.workload.steps * cost.step_s;
  cost.period_s = outside_steps_s + steps_s;
  sum.count_bytes();
  return cost;
}

std::vector<Range> stages_by_cost(const ModelShape& model, const ComputeCost& compute, int num_stages) {
  if (model.unet) return {{0, 1}};
  const Visit all = compute.whole();
  std::vector<double> costs;
  for (const auto& [kind, count] : {std::pair(BlockKind::joint, model.num_joint_blocks),
                                    std::pair(BlockKind::single, model.num_single_blocks)}) {
    const BlockCost block = compute.block(kind, all);
    costs.insert(costs.end(), static_cast<size_t>(count), block.compute_s + block.attention_s);
  }
  return balanced_stages(costs, num_stages, compute.embed_s(all),
                         compute.head_s(all) + compute.update_s(all));
}

std::vector<Range> stages_by_weights(const ModelShape& model, int num_stages) {
  if (model.unet) return {{0, 1}};
  std::vector<double> weights;
  for (int block = 0; block < model.num_blocks(); ++block) {
    const BlockKind kind = model.kind_of(block);
    weights.push_back(static_cast<double>(model.cut_parameters(kind) + model.whole_parameters(kind)));
  }
  return balanced_stages(weights, num_stages);
}

}  // namespace ditmesh
