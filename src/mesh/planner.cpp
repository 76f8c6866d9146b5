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
  double one_device_step_s;  // of one picture, whether it fits or not
};

double one_device_step_s(const PlanRequest& request, const DeviceSpeed& speed) {
  Workload one = request.workload;
  one.batch = 1;
  one.patches = 1;
  const ComputeCost compute(request.model, one, request.implementation, speed, Mesh());
  const ReplicaTask task{request.model, one, request.implementation, Mesh(),
                         stages_by_cost(request.model, compute, 1)};
  const AxisCosts none{};
  return ReplicaTimes(task, compute, none).cost().step_s;
}

class Planner {
 public:
  Planner(const Router& router, const PlanRequest& request) : router_(router), request_(request) {
    std::map<std::string, std::vector<DeviceId>> by_model;
    for (const DeviceId& id : request.devices) by_model[router.cluster().device(id).model].push_back(id);
    for (auto& [name, devices] : by_model) {
      const auto model = router.cluster().models.find(name);
      if (model == router.cluster().models.end()) {
        throw ConfigError("the cluster does not say of which model its devices are",
                          "give plan --device-model h100-sxm, for example, or name it in JSON");
      }
      const DeviceSpeed speed(model->second, request.workload.dtype);
      pools_.push_back({&model->second, speed, PlacementBook(router, std::move(devices)),
                        one_device_step_s(request, speed)});
    }
    if (pools_.empty())
      throw ConfigError("the cluster names no devices that could be used",
                        "Slurm knows of no GPUs: describe them in JSON (topology/README.md)");
  }

  MeshRanking run() {
    MeshRanking result;
    result.one_device_step_s = pools_.front().one_device_step_s;
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
      for (PlannedMesh& each : *list) each.reason = reason_of(each, request_);
    }
    return result;
  }

  // Of one pool, or of all of them together.
  PlannedMesh evaluate(const Mesh& inner, const Workload& workload, const std::vector<Pool*>& pools,
                       StageBalance balance) {
    PlannedMesh planned;
    planned.mesh = inner;
    planned.workload = workload;
    planned.device_bytes = UINT64_MAX;
    int num_replicas = 0;
    const bool is_given = request_.degrees.contains(Axis::data);
    int wanted = is_given ? request_.degrees.at(Axis::data) : 0;
    for (Pool* pool : pools) {
      const int room = ditmesh::num_replicas(inner, pool->book.num_devices());
      const int here = is_given ? std::min(wanted, room) : room;
      if (here == 0) continue;
      wanted -= here;
      planned.device_bytes = std::min(planned.device_bytes, pool->model->memory_bytes);
      const ComputeCost compute(request_.model, workload, request_.implementation, pool->speed, inner);
      if (planned.stages.empty()) planned.stages = stages_of(compute, inner, balance);
      const PlacementBook::Entry& entry = pool->book.find(inner, here);
      for (const auto& [kind, costs] : entry.kinds) {
        ReplicaKind one{num_replicas + kind.replica,
                        kind.count,
                        pool->model->name,
                        kind.level,
                        PlacementBook::axis_costs(inner, costs),
                        {}};
        add_kind(std::move(one), compute, planned);
      }
      num_replicas += entry.num_replicas;
    }
    if (is_given && wanted > 0) planned.kinds.clear();  // there is no room for as many
    const int used = num_replicas * inner.inner_size();
    planned.mesh = inner.with(Axis::data, std::max(1, num_replicas));
    finish(planned, static_cast<int>(request_.devices.size()) - used);
    return planned;
  }

  PlannedMesh evaluate_placed(const Mesh& mesh, const Placement& placement) {
    PlannedMesh planned = evaluate_placed(mesh, placement, StageBalance::time);
    if (!planned.fits() && mesh.degree(Axis::pipeline) > 1)
      planned = evaluate_placed(mesh, placement, StageBalance::weights);
    planned.reason = reason_of(planned, request_);
    return planned;
  }

 private:
  PlannedMesh evaluate_placed(const Mesh& mesh, const Placement& placement, StageBalance balance) {
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
      if (planned.stages.empty()) planned.stages = stages_of(compute, mesh, balance);
      planned.device_bytes = std::min(planned.device_bytes, model.memory_bytes);
      ReplicaKind one{kind.replica, kind.count, model.name, kind.level, placed.costs(kind.replica), {}};
      add_kind(std::move(one), compute, planned);
    }
    finish(planned, static_cast<int>(placement.spares.size()));
    return planned;
  }

  void add_kind(ReplicaKind kind, const ComputeCost& compute, PlannedMesh& planned) const {
    const ReplicaTask task{request_.model, planned.workload, request_.implementation, planned.mesh,
                           planned.stages};
    kind.cost = ReplicaTimes(task, compute, kind.axes).cost();
    planned.images_per_s += kind.count * static_cast<double>(planned.workload.batch) / kind.cost.period_s;
    planned.kinds.push_back(std::move(kind));
  }

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
      if (each.fits() && (best == nullptr || badness(each) * kWorthwhile < badness(*best))) best = &each;
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
    for (const Pool& pool : pools_) {
      if (pool.model->name == planned.kinds.front().device_model)
        planned.one_device_step_s = pool.one_device_step_s;
    }
    planned.device_s = planned.mesh.size() / planned.images_per_s;
  }

  // Predictions are not so good that a hundredth would be worth another axis of communication.
  double badness(const PlannedMesh& planned) const {
    constexpr double kWorthAnAxis = 1.01;
    double bad = request_.objective == Objective::throughput ? 1 / planned.images_per_s : planned.image_s;
    for (const Axis axis : kAxes) {
      if (axis != Axis::data && planned.mesh.degree(axis) > 1) bad *= kWorthAnAxis;
    }
    return bad;
  }

  void sort(std::vector<PlannedMesh>& meshes) const {
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
    return cat("tensor × ulysses is ", int64_t{tensor} * ulysses, ", the model has ", model.num_heads,
               " heads");
  }
  if (stages > model.num_blocks())
    return cat("pipeline=", stages, " is more than the model's ", model.num_blocks(), " blocks");
  const int64_t tokens = model.image_tokens(workload.height, workload.width);
  const int64_t shards = int64_t{workload.patches} * sequence * tensor;
  if (tokens / shards < 2) {
    return cat(counted(tokens, "image token"), " in ", counted(shards, "shard"),
               " (patches × ulysses × ring × tensor): each needs 2");
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
        cat("there is no such mesh: ", why ? *why
                                           : cat(asked.to_string(), " has ", asked.size(),
                                                 " ranks, there are ", request.devices.size(), " devices")),
        others.ranked.empty() ? std::string("use more or larger devices")
                              : cat("for example --mesh ", others.ranked.front().mesh.to_string()));
  }
  return result;
}

Placement place_by_model(const Router& router, const PlanRequest& request, const Mesh& mesh) {
  std::map<std::string, std::vector<DeviceId>> by_model;
  for (const DeviceId& id : request.devices) by_model[router.cluster().device(id).model].push_back(id);
  std::optional<Placement> best;
  double best_images_per_s = 0;
  size_t most = 0;
  for (const auto& [name, devices] : by_model) {
    most = std::max(most, devices.size());
    if (static_cast<int>(devices.size()) < mesh.size()) continue;
    Placement placement = place(mesh, device_tree(router, devices));
    const double images_per_s =
        by_model.size() == 1 ? 1 : plan_one(router, request, mesh, placement).images_per_s;
    if (images_per_s > best_images_per_s) {
      best_images_per_s = images_per_s;
      best = std::move(placement);
    }
  }
  Placement placement;
  if (best && !(request.allow_mixed_devices && by_model.size() > 1)) {
    placement = std::move(*best);
  } else {
    int wanted = mesh.degree(Axis::data);
    for (const auto& [name, devices] : by_model) {
      const int here = std::min(wanted, num_replicas(mesh, static_cast<int>(devices.size())));
      if (here == 0) continue;
      const Placement part = place(mesh.with(Axis::data, here), device_tree(router, devices));
      placement.devices.insert(placement.devices.end(), part.devices.begin(), part.devices.end());
      wanted -= here;
    }
    if (wanted > 0 || (!request.allow_mixed_devices && by_model.size() > 1)) {
      throw ConfigError(
          cat("mesh ", mesh.to_string(), " has ", mesh.size(),
              " ranks, of one device model there are at most ", most,
              wanted > 0 ? ", and replicas of one model each do not fit" : ""),
          wanted > 0 ? "lower its degrees" : "give --allow-mixed-devices, or lower its degrees");
    }
  }
  placement.spares.clear();
  for (const DeviceId& id : request.devices) {
    if (std::find(placement.devices.begin(), placement.devices.end(), id) == placement.devices.end())
      placement.spares.push_back(id);
  }
  return placement;
}

PlannedMesh plan_one(const Router& router, const PlanRequest& request, const Mesh& mesh,
                     const Placement& placement) {
  std::set<std::string> models;
  for (int rank = 0; rank < mesh.size(); ++rank) {
    const auto model_of = [&](int of) {
      return router.cluster().device(placement.devices[static_cast<size_t>(of)]).model;
    };
    models.insert(model_of(rank));
    const int first = rank / mesh.inner_size() * mesh.inner_size();
    if (model_of(rank) != model_of(first)) {
      throw ConfigError(cat("replica ", rank / mesh.inner_size(),
                            " would have devices of two models: ", model_of(first), " and ", model_of(rank)),
                        "place each replica on devices of one model");
    }
  }
  if (models.size() > 1 && !request.allow_mixed_devices) {
    throw ConfigError(
        cat("the mesh ", mesh.to_string(), " would use devices of several models: ", join(models, ", ")),
        "give --allow-mixed-devices, or use fewer replicas");
  }
  if (const auto why = obstacle(request.model, request.workload, mesh)) {
    throw ConfigError(cat("mesh ", mesh.to_string(), ": ", *why),
                      "see 'ditmesh plan' for those that can be run");
  }
  PlanRequest of_placement = request;
  of_placement.devices = placement.devices;
  of_placement.devices.insert(of_placement.devices.end(), placement.spares.begin(), placement.spares.end());
  return Planner(router, of_placement).evaluate_placed(mesh, placement);
}

}  // namespace ditmesh
