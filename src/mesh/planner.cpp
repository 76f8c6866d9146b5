#include "ditmesh/mesh/planner.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/mesh/plan_text.hpp"
#include "placement_book.hpp"

namespace ditmesh {

namespace {

constexpr int kMostRing = 16;
constexpr int64_t kBatches[] = {1, 2, 4, 8, 16};
constexpr size_t kMostApproximate = 3;

// Degrees worth a look: for heads what divides them, else numbers with small factors; in small worlds also
// what divides the devices.
std::vector<int> degrees_of(Axis axis, const PlanRequest& request) {
  if (const auto given = request.degrees.find(axis); given != request.degrees.end()) return {given->second};
  const ModelShape& model = request.model;
  const auto devices = static_cast<int>(request.devices.size());
  const auto divides_small_world = [&](int degree) {
    return devices < kLargestInnerMesh && devices % degree == 0;
  };
  const auto has_small_factors = [](int degree) {
    constexpr int kSmall[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48};
    return std::find(std::begin(kSmall), std::end(kSmall), degree) != std::end(kSmall);
  };
  const auto heads = static_cast<int>(model.unet ? 1 : model.num_heads);
  int most = 1;
  std::function<bool(int)> is_good = has_small_factors;
  if (axis == Axis::tensor || axis == Axis::ulysses) {
    most = heads;
    is_good = [heads](int degree) { return heads % degree == 0; };
  } else if (axis == Axis::ring) {
    most = model.unet ? 1 : kMostRing;
  } else if (axis == Axis::pipeline) {
    most = model.unet ? 1 : model.num_blocks();
  } else if (axis == Axis::cfg) {
    most = request.workload.branches;
  }
  std::vector<int> degrees;
  for (int degree = 1; degree <= std::min({most, devices, kLargestInnerMesh}); ++degree) {
    if (is_good(degree) || divides_small_world(degree)) degrees.push_back(degree);
  }
  return degrees;
}

// What stages are to have about as much of: where memory is short, joint blocks, which have twice the weights
// of single ones, cannot all stand in the first stage.
enum class StageBalance { time, weights };

// One device model's devices.
struct Pool {
  const DeviceModel* model;
  DeviceSpeed speed;
  PlacementBook book;
};

class Planner {
 public:
  Planner(const Router& router, const PlanRequest& request) : router_(router), request_(request) {
    std::map<std::string, std::vector<DeviceId>> by_model;
    for (const DeviceId& id : request.devices) by_model[router.cluster().device(id).model].push_back(id);
    for (auto& [name, devices] : by_model) {
      const auto model = router.cluster().models.find(name);
      if (model == router.cluster().models.end()) {
        throw ConfigError("the cluster does not say what its devices are", "name their 'model'");
      }
      pools_.push_back({&model->second, DeviceSpeed(model->second, request.workload.dtype),
                        PlacementBook(router, std::move(devices))});
    }
    if (pools_.empty()) throw ConfigError("there are no devices to plan for", "look at 'ditmesh topology'");
  }

  MeshRanking run() {
    MeshRanking result;
    result.one_device_step_s = one_device_step_s();
    for (const Mesh& inner : inner_meshes()) {
      if (obstacle(request_.model, request_.workload, inner)) continue;
      add(best_of(inner, request_.workload), result);
      if (request_.workload.patches > 1 || inner.degree(Axis::pipeline) == 1) continue;
      // What PipeFusion would do, though it was not asked for.
      Workload patched = request_.workload;
      patched.patches = 2 * inner.degree(Axis::pipeline);
      if (obstacle(request_.model, patched, inner)) continue;
      MeshRanking apart;
      add(best_of(inner, patched), apart);
      result.approximate.insert(result.approximate.end(), apart.ranked.begin(), apart.ranked.end());
    }
    sort(result.ranked);
    sort(result.approximate);
    if (result.approximate.size() > kMostApproximate) result.approximate.resize(kMostApproximate);
    std::stable_sort(
        result.too_large.begin(), result.too_large.end(),
        [](const PlannedMesh& a, const PlannedMesh& b) { return a.memory.peak() < b.memory.peak(); });
    for (auto* list : {&result.ranked, &result.approximate, &result.too_large}) {
      for (PlannedMesh& each : *list) each.reason = reason_of(each, request_, result.one_device_step_s);
    }
    return result;
  }

  double one_device_step_s() const {
    Workload one = request_.workload;
    one.batch = 1;
    one.patches = 1;
    const ComputeCost compute(request_.model, one, request_.implementation, pools_.front().speed, Mesh());
    const ReplicaTask task{request_.model, one, request_.implementation, Mesh(),
                           stages_by_cost(request_.model, compute, 1)};
    const AxisCosts none{};
    return ReplicaTimes(task, compute, none).cost().step_s;
  }

  // Of one pool, or of all of them together.
  PlannedMesh evaluate(const Mesh& inner, const Workload& workload, const std::vector<Pool*>& pools,
                       StageBalance balance) {
    PlannedMesh planned;
    planned.mesh = inner;
    planned.workload = workload;
    planned.device_bytes = UINT64_MAX;
    int num_replicas = 0;
    int used = 0;
    for (Pool* pool : pools) {
      const int given =
          pools.size() == 1 && request_.degrees.contains(Axis::data) ? request_.degrees.at(Axis::data) : 0;
      if (pool->book.num_devices() < inner.inner_size() * std::max(1, given)) continue;
      planned.device_bytes = std::min(planned.device_bytes, pool->model->memory_bytes);
      const ComputeCost compute(request_.model, workload, request_.implementation, pool->speed, inner);
      if (planned.stages.empty()) planned.stages = stages_of(compute, inner, balance);
      const PlacementBook::Entry& entry = pool->book.find(inner, given);
      for (const auto& [kind, costs] : entry.kinds) {
        ReplicaKind one{num_replicas + kind.replica,
                        kind.count,
                        pool->model->name,
                        kind.level,
                        PlacementBook::axis_costs(inner, costs),
                        {}};
        const ReplicaTask task{request_.model, workload, request_.implementation, inner, planned.stages};
        one.cost = ReplicaTimes(task, compute, one.axes).cost();
        planned.images_per_s += kind.count * static_cast<double>(workload.batch) / one.cost.period_s;
        planned.kinds.push_back(std::move(one));
      }
      num_replicas += entry.num_replicas;
    }
    used = num_replicas * inner.inner_size();
    planned.mesh = inner.with(Axis::data, std::max(1, num_replicas));
    finish(planned, static_cast<int>(request_.devices.size()) - used);
    return planned;
  }

  PlannedMesh evaluate_placed(const Mesh& mesh, const Placement& placement) {
    PlannedMesh planned;
    planned.mesh = mesh;
    planned.workload = request_.workload;
    planned.device_bytes = UINT64_MAX;
    KnownRoutes routes(router_);
    const PlacedMesh placed(routes, mesh, placement);
    for (const PlacedMesh::Kind& kind : placed.kinds()) {
      const DeviceModel& model = placed.model(kind.replica);
      const DeviceSpeed speed(model, planned.workload.dtype);
      const ComputeCost compute(request_.model, planned.workload, request_.implementation, speed, mesh);
      if (planned.stages.empty()) planned.stages = stages_of(compute, mesh, StageBalance::time);
      planned.device_bytes = std::min(planned.device_bytes, model.memory_bytes);
      ReplicaKind one{kind.replica, kind.count, model.name, kind.level, placed.costs(kind.replica), {}};
      const ReplicaTask task{request_.model, planned.workload, request_.implementation, mesh, planned.stages};
      one.cost = ReplicaTimes(task, compute, one.axes).cost();
      planned.images_per_s += kind.count * static_cast<double>(planned.workload.batch) / one.cost.period_s;
      planned.kinds.push_back(std::move(one));
    }
    finish(planned, static_cast<int>(placement.spares.size()));
    planned.reason = reason_of(planned, request_, one_device_step_s());
    return planned;
  }

 private:
  std::vector<Mesh> inner_meshes() const {
    std::vector<Mesh> meshes{Mesh()};
    const auto devices = static_cast<int>(request_.devices.size());
    for (const Axis axis : kAxes) {
      if (axis == Axis::data) continue;
      std::vector<Mesh> more;
      for (const Mesh& mesh : meshes) {
        for (const int degree : degrees_of(axis, request_)) {
          const Mesh next = mesh.with(axis, degree);
          const bool is_given = request_.degrees.contains(axis);
          if (next.inner_size() <= std::min(is_given ? devices : kLargestInnerMesh, devices))
            more.push_back(next);
        }
      }
      meshes = std::move(more);
    }
    return meshes;
  }

  std::vector<Range> stages_of(const ComputeCost& compute, const Mesh& mesh, StageBalance balance) {
    if (!request_.stages.empty()) return request_.stages;
    const int num_stages = mesh.degree(Axis::pipeline);
    auto found = stages_.find({num_stages, balance});
    if (found == stages_.end()) {
      const auto stages = balance == StageBalance::time ? stages_by_cost(request_.model, compute, num_stages)
                                                        : stages_by_weights(request_.model, num_stages);
      found = stages_.emplace(std::pair(num_stages, balance), stages).first;
    }
    return found->second;
  }

  // The batch and the devices with which this inner mesh does best.
  std::vector<PlannedMesh> best_of(const Mesh& inner, const Workload& workload) {
    std::vector<PlannedMesh> candidates;
    std::vector<std::vector<Pool*>> choices;
    for (Pool& pool : pools_) choices.push_back({&pool});
    if (pools_.size() > 1 && request_.allow_mixed_devices) {
      choices.assign(1, {});
      for (Pool& pool : pools_) choices.front().push_back(&pool);
    }
    for (const auto& pools : choices) {
      for (const int64_t batch : kBatches) {
        Workload one = workload;
        if (!request_.batch) one.batch = batch;
        PlannedMesh planned = evaluate(inner, one, pools, StageBalance::time);
        if (!planned.kinds.empty() && !planned.fits() && inner.degree(Axis::pipeline) > 1)
          planned = evaluate(inner, one, pools, StageBalance::weights);
        if (!planned.kinds.empty()) candidates.push_back(std::move(planned));
        if (request_.batch || request_.objective == Objective::latency ||
            (!candidates.empty() && !candidates.back().fits()))
          break;
      }
    }
    return candidates;
  }

  void add(std::vector<PlannedMesh> candidates, MeshRanking& result) const {
    const PlannedMesh* best = nullptr;
    for (const PlannedMesh& each : candidates) {
      // A larger batch must be worth its longer wait.
      constexpr double kWorthwhile = 1.02;
      if (each.fits() && (best == nullptr || each.images_per_s > best->images_per_s * kWorthwhile))
        best = &each;
    }
    if (best != nullptr) {
      result.ranked.push_back(*best);
    } else if (!candidates.empty()) {
      result.too_large.push_back(candidates.front());
    }
  }

  void finish(PlannedMesh& planned, int spares) const {
    planned.spares = spares;
    if (planned.kinds.empty()) return;
    std::stable_sort(planned.kinds.begin(), planned.kinds.end(),
                     [](const ReplicaKind& a, const ReplicaKind& b) { return a.count > b.count; });
    const bool is_gpu =
        router_.cluster().models.at(planned.kinds.front().device_model).kind == DeviceKind::gpu;
    const auto need = [&](EncoderPlace encoders) {
      return memory_cost(request_.model, planned.workload, planned.mesh, planned.stages, encoders, is_gpu,
                         request_.implementation);
    };
    planned.memory = need(request_.encoders.value_or(EncoderPlace::resident));
    if (!request_.encoders && !planned.fits()) planned.memory = need(EncoderPlace::released);
    planned.image_s = planned.cost().latency_s;
    planned.device_s = planned.mesh.size() / planned.images_per_s;
  }

  // Predictions are not so good that a hundredth would be worth another axis of communication.
  void sort(std::vector<PlannedMesh>& meshes) const {
    constexpr double kWorthAnAxis = 1.01;
    const auto badness = [&](const PlannedMesh& each) {
      double bad = request_.objective == Objective::throughput ? 1 / each.images_per_s : each.image_s;
      for (const Axis axis : kAxes) {
        if (axis != Axis::data && each.mesh.degree(axis) > 1) bad *= kWorthAnAxis;
      }
      return bad;
    };
    std::stable_sort(meshes.begin(), meshes.end(),
                     [&](const PlannedMesh& a, const PlannedMesh& b) { return badness(a) < badness(b); });
  }

  const Router& router_;
  const PlanRequest& request_;
  std::vector<Pool> pools_;
  std::map<std::pair<int, StageBalance>, std::vector<Range>> stages_;
};

}  // namespace

double PlannedMesh::split_price_s() const {
  double least_s = kinds.front().cost.step_s;
  double most_s = least_s;
  for (const ReplicaKind& kind : kinds) {
    if (kind.device_model != kinds.front().device_model) continue;
    least_s = std::min(least_s, kind.cost.step_s);
    most_s = std::max(most_s, kind.cost.step_s);
  }
  return most_s - least_s;
}

std::optional<std::string> obstacle(const ModelShape& model, const Workload& workload, const Mesh& inner) {
  const int tensor = inner.degree(Axis::tensor);
  const int ulysses = inner.degree(Axis::ulysses);
  const int sequence = ulysses * inner.degree(Axis::ring);
  const int stages = inner.degree(Axis::pipeline);
  if (model.unet && inner.with(Axis::cfg, 1).inner_size() > 1) {
    return cat(model.name,
               " is a UNet: it has no numbered token blocks, so only cfg and data can be above 1");
  }
  if (model.unet && workload.patches > 1) return cat(model.name, " is a UNet: it has no patches of tokens");
  if (inner.degree(Axis::cfg) > workload.branches) {
    return cat("cfg=", inner.degree(Axis::cfg), " needs as many branches, there is ",
               counted(workload.branches, "branch"), " (two with true CFG)");
  }
  if (model.unet) return std::nullopt;
  if (int64_t{tensor} * ulysses > model.num_heads) {
    return cat("tensor × ulysses is ", tensor * ulysses, ", the model has ", model.num_heads, " heads");
  }
  if (stages > model.num_blocks())
    return cat("pipeline=", stages, " is more than the model's ", model.num_blocks(), " blocks");
  const int64_t tokens = model.image_tokens(workload.height, workload.width);
  const int64_t shards = int64_t{workload.patches} * sequence * tensor;
  if (tokens / shards < 2) {
    return cat(tokens, " image tokens in ", shards,
               " shards (patches × ulysses × ring × tensor): each needs 2");
  }
  if (workload.text_tokens / (sequence * tensor) < 2 && sequence * tensor > 1) {
    return cat(workload.text_tokens, " text tokens in ", sequence * tensor, " shards: each needs 2");
  }
  return std::nullopt;
}

MeshRanking rank_meshes(const Router& router, const PlanRequest& request) {
  MeshRanking result = Planner(router, request).run();
  if (result.ranked.empty() && result.too_large.empty()) {
    Mesh asked;
    for (const auto& [axis, degree] : request.degrees) asked = asked.with(axis, degree);
    const auto why = obstacle(request.model, request.workload, asked);
    PlanRequest open = request;
    open.degrees.clear();
    const MeshRanking others = Planner(router, open).run();
    throw ConfigError(
        cat("no mesh fits: ", why ? *why
                                  : cat(asked.to_string(), " has ", asked.size(), " ranks, there are ",
                                        request.devices.size(), " devices")),
        others.ranked.empty() ? std::string("see 'ditmesh plan'")
                              : cat("for example --mesh ", others.ranked.front().mesh.to_string()));
  }
  return result;
}

PlannedMesh plan_one(const Router& router, const PlanRequest& request, const Mesh& mesh,
                     const Placement& placement) {
  if (const auto why = obstacle(request.model, request.workload, mesh)) {
    throw ConfigError(cat("mesh ", mesh.to_string(), ": ", *why),
                      "see 'ditmesh plan' for those that can be run");
  }
  PlanRequest of_placement = request;
  of_placement.devices = placement.devices;
  return Planner(router, of_placement).evaluate_placed(mesh, placement);
}

}  // namespace ditmesh
