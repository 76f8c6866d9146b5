#include "forecast.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/mesh/plan_text.hpp"
#include "ditmesh/mesh/stages.hpp"
#include "ditmesh/schedule/job_simulator.hpp"
#include "ditmesh/schedule/schedule.hpp"
#include "ditmesh/topology/cluster_text.hpp"
#include "model_shape_of.hpp"
#include "plan_options.hpp"

namespace ditmesh {

namespace {

// Batches that take the same time.
struct BatchKind {
  int32_t height;
  int32_t width;
  int32_t steps;
  bool uses_true_cfg;

  auto operator<=>(const BatchKind&) const = default;
};

std::map<BatchKind, int64_t> count_batches(const Plan& samples, const Plan::IsOpen& is_open) {
  std::map<BatchKind, int64_t> counts;
  for (int64_t shard = 0; shard < static_cast<int64_t>(samples.shards.size()); ++shard) {
    const Bucket& bucket =
        samples.buckets[static_cast<size_t>(samples.shards[static_cast<size_t>(shard)].bucket)];
    for (const WorkUnit& unit : samples.units(shard, is_open))
      ++counts[{bucket.height, bucket.width, unit.steps, unit.true_cfg}];
  }
  return counts;
}

class Forecast {
 public:
  explicit Forecast(const ForecastRequest& request)
      : request_(request),
        router_(request.cluster),
        counts_(count_batches(request.samples, request.is_open)) {
    plan_.model = shape_of(request.model, request.max_sequence_length);
    plan_.implementation = find_implementation("ditmesh");
    plan_.allow_mixed_devices = request.options.flag("allow-mixed-devices");
    plan_.encoders =
        request.options.text("text-encoder") == "release" ? EncoderPlace::released : EncoderPlace::resident;
    take_devices();
    plan_.batch = is_gpu_ ? request.options.integer("batch") : 1;
  }

  std::string text() {
    if (counts_.empty()) return cat(to_text(router_.cluster()), "nothing is left to be made\n");
    const auto most = std::max_element(counts_.begin(), counts_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    plan_.workload = workload_of(most->first);
    const Mesh mesh = choose_mesh();
    const Placement placement = choose_placement(mesh);
    const PlannedMesh planned = plan_one(router_, plan_, mesh, placement);
    if (!planned.fits()) {
      throw ConfigError(
          cat("mesh ", mesh.to_string(), " needs ", human_bytes(planned.memory.peak()),
              " on each device, of ", human_bytes(planned.device_bytes), ": ", to_text(planned.memory)),
          "--text-encoder release, a smaller --batch, or a mesh that 'ditmesh plan' ranks");
    }
    std::string text =
        cat("\n", to_text(router_.cluster()), "\nmesh ", mesh.to_string(), ": ", planned.reason, "\n\n",
            placement_picture(placement, mesh, router_.cluster()), "\nas --placement FILE takes it:\n",
            to_text(placement, mesh, router_.cluster()), "\n");
    for (const std::string& warning : slow_groups(planned)) text += cat("warning: ", warning, "\n");
    text += cat("memory of a rank: ", to_text(planned.memory), "\n", schedule_text(planned),
                job_text(mesh, placement));
    return text;
  }

 private:
  void take_devices() {
    const std::vector<DeviceId> healthy = router_.cluster().healthy_devices();
    const auto wanted = static_cast<size_t>(request_.num_ranks);
    if (healthy.size() < wanted) {
      throw ConfigError(cat(request_.num_ranks, " ranks, but ", router_.cluster().name, " has ",
                            counted(static_cast<int64_t>(healthy.size()), "healthy device")),
                        "start one rank for each device");
    }
    plan_.devices.assign(healthy.begin(), healthy.begin() + request_.num_ranks);
    const auto model = router_.cluster().models.find(router_.cluster().device(plan_.devices.front()).model);
    is_gpu_ = model != router_.cluster().models.end() && model->second.kind == DeviceKind::gpu;
  }

  Workload workload_of(const BatchKind& kind) const {
    Workload workload{.height = kind.height,
                      .width = kind.width,
                      .steps = kind.steps,
                      .batch = is_gpu_ ? request_.options.integer("batch") : 1,
                      .text_tokens = request_.max_sequence_length,
                      .branches = kind.uses_true_cfg ? 2 : 1};
    workload.dtype = dtype_of(request_.options.text("dtype"), is_gpu_);
    read_mesh_options(request_.options, workload);
    return workload;
  }

  // Degrees that are not given: what makes most pictures.
  Mesh choose_mesh() {
    const std::string& text = request_.options.text("mesh");
    if (text != "auto") plan_.degrees = parse_degrees(text, request_.num_ranks);
    plan_.stages = read_stages(request_.options, plan_.degrees, plan_.model.num_blocks());
    // Given degrees are the whole inner mesh, as when the job runs.
    if (text != "auto") return Mesh::parse(text, request_.num_ranks, Mesh::Ranks::up_to);
    const MeshRanking all = rank_meshes(router_, plan_);
    if (all.ranked.empty()) {
      const PlannedMesh& least = all.too_large.front();
      throw ConfigError(cat("no mesh fits: ", least.mesh.to_string(), " needs least, ", to_text(least.memory),
                            "; a device has ", human_bytes(least.device_bytes)),
                        "use more devices, or --text-encoder release");
    }
    return all.ranked.front().mesh;
  }

  Placement choose_placement(const Mesh& mesh) const {
    if (request_.options.has("placement")) {
      const std::string& path = request_.options.text("placement");
      Placement placement = placement_from_text(read_file(path), path, mesh, router_.cluster(),
                                                router_.cluster().healthy_devices());
      // A described cluster may have more devices than the job has ranks.
      placement.spares.resize(
          std::min(placement.spares.size(), static_cast<size_t>(request_.num_ranks - mesh.size())));
      return placement;
    }
    return place_by_model(router_, plan_, mesh);
  }

  // What the first rank does in a step of the steady state.
  std::string schedule_text(const PlannedMesh& planned) const {
    const Schedule schedule = make_schedule(planned.mesh, plan_.model, planned.workload, 0, planned.stages);
    const Program program = step_of(program_of(schedule, 0), planned.workload.steps - 1);
    constexpr size_t kMostLines = 12;
    std::string text =
        cat("a step of rank 0", planned.stages.size() > 1 ? cat(", stages ", to_string(planned.stages)) : "",
            ":\n");
    for (size_t i = 0; i < std::min(kMostLines, program.size()); ++i)
      text += cat("  ", to_string(program[i]), "\n");
    if (program.size() > kMostLines) text += cat("  and ", program.size() - kMostLines, " more\n");
    return text;
  }

  // As the job deals its batches out, replica by replica.
  std::string job_text(const Mesh& mesh, const Placement& placement) {
    JobPlan job;
    std::vector<std::tuple<double, int64_t, int64_t>> batches;
    double first_period_s = 0;
    double fill_s = 0;  // until a pipeline's first batch is through
    std::vector<double> slowness;
    for (const auto& [kind, count] : counts_) {
      plan_.workload = workload_of(kind);
      const PlannedMesh planned = plan_one(router_, plan_, mesh, placement);
      first_period_s = planned.cost().period_s;
      batches.emplace_back(first_period_s, count, planned.workload.batch);
      fill_s = std::max(fill_s, planned.cost().latency_s - planned.cost().period_s);
      if (!job.slowness.empty()) continue;
      job.slowness.assign(static_cast<size_t>(mesh.degree(Axis::data)), 1);
      const double fastest_s = planned.cost().period_s;
      size_t at = 0;
      for (const ReplicaKind& each : planned.kinds) {
        for (int i = 0; i < each.count; ++i) job.slowness[at++] = each.cost.period_s / fastest_s;
      }
    }
    std::sort(batches.rbegin(), batches.rend());
    int64_t num_batches = 0;
    for (const auto& [seconds, count, samples] : batches) {
      job.batches.push_back({count, samples, seconds});
      num_batches += count;
    }
    const JobSimulation simulated = simulate_job(job);
    return cat("time: ", human_seconds(simulated.total_s + fill_s), " for ", num_batches,
               num_batches == 1 ? " batch" : " batches", ", ", percent(simulated.idle_share), " of it idle, ",
               human_seconds(simulated.tail_s), " of that at the end\n");
  }

  std::vector<std::string> slow_groups(const PlannedMesh& planned) const {
    std::vector<std::string> warnings;
    for (const Axis axis : kAxes) {
      const AxisCost& cost = planned.kinds.front().axes[static_cast<size_t>(axis)];
      if (planned.mesh.degree(axis) == 1 || axis == Axis::data || axis == Axis::cfg ||
          cost.level <= Level::nvlink)
        continue;
      warnings.push_back(cat(axis_name(axis), " speaks over ", to_string(cost.level), ": ",
                             fixed(planned.cost().axis_s[static_cast<size_t>(axis)] * 1e3, 1),
                             " ms of a step's ", fixed(planned.cost().step_s * 1e3, 1), " ms"));
    }
    return warnings;
  }

  const ForecastRequest& request_;
  Router router_;
  std::map<BatchKind, int64_t> counts_;
  PlanRequest plan_;
  bool is_gpu_ = false;
};

}  // namespace

std::string forecast(const ForecastRequest& request) { return Forecast(request).text(); }

}  // namespace ditmesh
