// `ditmesh plan`: which mesh a model should be run on, and what it costs there.

#include <iostream>
#include <sstream>

#include "command.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/discovery/this_node.hpp"
#include "ditmesh/mesh/plan_text.hpp"
#include "ditmesh/logging/logging.hpp"
#include "ditmesh/schedule/predicted_costs.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/trace/perfetto.hpp"
#include "model_shape_of.hpp"
#include "plan_options.hpp"

namespace ditmesh {

namespace {

CommandSpec plan_spec() {
  CommandSpec spec;
  spec.name = "plan";
  spec.summary = "Ranks the meshes that a model can be run on, by what they are predicted to do.";
  spec.usage = "--model NAME|DIR [--cluster SOURCE] [options]";
  spec.examples = {"ditmesh plan --model flux.1-dev --cluster dgx-h100-x4 --objective latency",
                   "ditmesh plan --model flux.1-dev --cluster cluster.json --height 2048 --width 2048 --mesh "
                   "ulysses=8 --explain"};
  spec.add_group(
      "What is made",
      {required({"model", OptionKind::text, "NAME|DIR", "",
                 cat("a shape that needs no weights (", join(shape_names(), ", "),
                     "), a diffusers folder, or ORG/NAME in the HuggingFace cache")}),
       {"height", OptionKind::integer, "PIXELS", "1024", "of the picture", {}, 1, 16384},
       {"width", OptionKind::integer, "PIXELS", "1024", "of the picture", {}, 1, 16384},
       {"steps", OptionKind::integer, "N", "", "denoising steps (default: the model's)", {}, 1, 10000},
       {"true-cfg",
        OptionKind::number,
        "X",
        "",
        "above 1: two branches, with and without the prompt (default: for models without guidance embedding "
        "that are not distilled)",
        {},
        0,
        1e3},
       {"max-sequence-length",
        OptionKind::integer,
        "N",
        "",
        "tokens of the prompt (default: the model's)",
        {},
        1,
        4096}});
  spec.add_group(
      "Where",
      {{"cluster", OptionKind::text, "SOURCE", "",
        "what topology --from reads: a file, or the name of a built-in cluster (default: this host)"},
       {"device-model", OptionKind::text, "NAME", "",
        "of devices whose model the cluster does not say (topology/devices)"},
       {"num-devices", OptionKind::integer, "N", "", "only the first N healthy devices", {}, 1, 1e6},
       {"dtype",
        OptionKind::choice,
        "",
        "auto",
        "auto is bf16 on GPUs, fp32 on the CPU",
        {"auto", "fp32", "bf16", "fp16"}},
       {"implementation", OptionKind::choice, "", "ditmesh",
        "whose kernels: this version's; compiled, with fused elementwise kernels and CUDA graphs; xDiT's",
        implementation_names()}});
  spec.add_group(
      "The mesh",
      {{"mesh", OptionKind::text, "auto|AXIS=N,…", "auto", "degrees that are given; the others are found"},
       {"batch", OptionKind::integer, "N", "", "pictures at once (default: what does best)", {}, 1, 1024},
       {"text-encoder",
        OptionKind::choice,
        "",
        "auto",
        "auto releases the encoders where they do not fit",
        {"auto", "resident", "release"}}});
  spec.add_group("The mesh", mesh_options());
  spec.add_group(
      "What is shown",
      {{"objective",
        OptionKind::choice,
        "",
        "throughput",
        "what is ranked by: images/s of all, or the time of one",
        {"throughput", "latency"}},
       {"top", OptionKind::integer, "N", "10", "meshes that are shown", {}, 1, 1e6},
       {"explain", OptionKind::flag, "", "", "say where the time of the first one goes, and its memory"},
       {"perfetto", OptionKind::text, "FILE", "",
        "simulate the first one, every rank's program on the links, and write what ui.perfetto.dev opens"},
       {"json", OptionKind::flag, "", "", "print JSON, all meshes"}});
  return spec;
}

// Without a model: as most.
bool has_gpus(const Cluster& cluster, const std::vector<DeviceId>& devices) {
  if (devices.empty()) return true;
  const auto model = cluster.models.find(cluster.device(devices.front()).model);
  return model == cluster.models.end() || model->second.kind == DeviceKind::gpu;
}

PlanRequest read_request(const Options& options, const Cluster& cluster) {
  PlanRequest request;
  request.model = find_shape(options.text("model"));
  request.devices = cluster.healthy_devices();
  if (options.has("num-devices")) {
    const auto wanted = static_cast<size_t>(options.integer("num-devices"));
    if (wanted > request.devices.size()) {
      throw ConfigError(cat("--num-devices ", wanted, ": ", cluster.name, " has ",
                            counted(static_cast<int64_t>(request.devices.size()), "healthy device")));
    }
    request.devices.resize(wanted);
  }
  Workload& workload = request.workload;
  workload.height = options.integer("height");
  workload.width = options.integer("width");
  const int64_t multiple = request.model.pixels_per_token;
  for (const auto& [what, pixels] :
       {std::pair("height", workload.height), std::pair("width", workload.width)}) {
    if (pixels % multiple != 0)
      throw ConfigError(
          cat("--", what, " must be a multiple of ", multiple, " for this model, found ", pixels));
  }
  workload.steps =
      options.has("steps") ? static_cast<int>(options.integer("steps")) : request.model.default_steps;
  if (options.has("max-sequence-length"))
    request.model = request.model.with_prompt_length(options.integer("max-sequence-length"));
  workload.text_tokens = request.model.text_tokens;
  const bool needs_two = !request.model.has_guidance_embedding && request.model.default_steps > 8;
  workload.branches = (options.has("true-cfg") ? options.number("true-cfg") > 1 : needs_two) ? 2 : 1;
  workload.dtype = dtype_of(options.text("dtype"), has_gpus(cluster, request.devices));
  read_mesh_options(options, workload);
  request.implementation = find_implementation(options.text("implementation"));
  request.objective = options.text("objective") == "latency" ? Objective::latency : Objective::throughput;
  request.allow_mixed_devices = options.flag("allow-mixed-devices");
  if (options.text("mesh") != "auto") request.degrees = parse_degrees(options.text("mesh"));
  if (options.has("batch")) workload.batch = *(request.batch = options.integer("batch"));
  if (options.text("text-encoder") != "auto") {
    request.encoders =
        options.text("text-encoder") == "release" ? EncoderPlace::released : EncoderPlace::resident;
  }
  request.stages = read_stages(options, request.degrees, request.model.num_blocks());
  return request;
}

// One replica's batches, from the first step to the pictures.
void simulate_first(const PlannedMesh& planned, const PlanRequest& request, const Router& router,
                    const std::string& file) {
  if (request.model.unet)
    throw ConfigError("--perfetto: a UNet has no program of blocks to simulate", "leave the option out");
  const Mesh replica = planned.mesh.with(Axis::data, 1);
  const Placement placement = place(replica, device_tree(router, request.devices));
  const Schedule schedule = make_schedule(replica, request.model, planned.workload, 0, planned.stages);
  const DeviceModel& model =
      router.cluster().models.at(router.cluster().device(placement.devices.front()).model);
  const Simulation simulated =
      simulate(schedule, router, placement.devices, PredictedCosts(schedule, request.implementation, model));
  std::ostringstream text;
  write_perfetto(simulated.trace, text);
  write_file_atomically(file, text.str());
  make_log().info(cat(file, ": ", counted(schedule.batches, "batch"),
                      schedule.batches > 1 ? " in flight" : "", " of ", replica.to_string(), " in ",
                      human_seconds(simulated.total_s), ", ", percent(simulated.bubble_share),
                      " of all ranks' time waiting; open it in ui.perfetto.dev"));
}

// What nvidia-smi and some of NCCL's files leave out.
void name_devices(const DeviceModel& model, Cluster& cluster) {
  bool is_used = false;
  for (NodeType& type : cluster.types) {
    for (Device& device : type.devices) {
      if (!device.model.empty()) continue;
      device.model = model.name;
      is_used = true;
    }
  }
  if (!is_used) {
    throw ConfigError(cat("--device-model: ", cluster.name, " says of all devices which they are"),
                      "leave it out");
  }
  cluster.models.emplace(model.name, model);
}

ExitCode run_plan(const Command& command, const ProgramArguments& arguments) {
  const auto options = resolve_options_alone(command, arguments.after_command);
  if (!options) return ExitCode::done;
  Cluster cluster = options->has("cluster") ? read_cluster_source(options->text("cluster")).cluster
                                            : discover_this_node(MpiSession::host_name()).cluster;
  if (options->has("device-model")) name_devices(find_device_model(options->text("device-model")), cluster);
  const Router router(cluster);
  const PlanRequest request = read_request(*options, router.cluster());
  const MeshRanking result = rank_meshes(router, request);
  if (options->flag("json")) {
    std::cout << to_json(result, request, router.cluster()).dump(2) << "\n";
  } else {
    std::cout << to_text(result, request, router.cluster(), static_cast<size_t>(options->integer("top")));
    if (options->flag("explain") && !result.ranked.empty())
      std::cout << "\n" << explain(result.ranked.front());
  }
  if (options->has("perfetto") && !result.ranked.empty())
    simulate_first(result.ranked.front(), request, router, options->text("perfetto"));
  return result.ranked.empty() ? ExitCode::bad_input : ExitCode::done;
}

}  // namespace

Command plan_command() { return {plan_spec(), run_plan}; }

}  // namespace ditmesh
