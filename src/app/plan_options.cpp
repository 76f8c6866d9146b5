#include "plan_options.hpp"

#include "cluster_discovery.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/mesh/stages.hpp"
#include "ditmesh/topology/cluster_json.hpp"

namespace ditmesh {

namespace {

constexpr double kMostPatches = 1024;

}  // namespace

TopologyReading read_cluster_source(const std::string& source) {
  if (const auto text = text_of_file(source)) return read_topology(*text, source);
  return {read_cluster(source), {}};
}

Dtype dtype_of(const std::string& name, bool is_gpu) {
  if (name == "auto") return is_gpu ? Dtype::bf16 : Dtype::fp32;
  if (name == "fp32") return Dtype::fp32;
  return name == "fp16" ? Dtype::fp16 : Dtype::bf16;
}

std::vector<Range> read_stages(const Options& options, const std::map<Axis, int>& degrees, int num_blocks) {
  if (!options.has("stages")) return {};
  const auto pipeline = degrees.find(Axis::pipeline);
  if (pipeline == degrees.end())
    throw ConfigError("--stages needs --mesh pipeline=N", "give as many stages as N");
  return parse_stages(options.text("stages"), num_blocks, pipeline->second);
}

std::vector<OptionSpec> mesh_options() {
  return {{"patches",
           OptionKind::integer,
           "M",
           "1",
           "above 1: PipeFusion, an approximation, with the image's tokens in M patches; 1: exact",
           {},
           1,
           kMostPatches},
          {"warmup-steps",
           OptionKind::integer,
           "W",
           "1",
           "of PipeFusion: steps with fresh keys and values",
           {},
           0,
           10000},
          {"stages", OptionKind::text, "0-10,11-24,…", "",
           "first and last block of each pipeline stage (default: about the same time in each)"},
          {"allow-mixed-devices", OptionKind::flag, "", "",
           "use devices of several models, each replica on one model"}};
}

void read_mesh_options(const Options& options, Workload& workload) {
  workload.patches = static_cast<int>(options.integer("patches"));
  workload.warmup_steps = static_cast<int>(options.integer("warmup-steps"));
  if (workload.patches > 1 && workload.warmup_steps == 0) {
    throw ConfigError(
        "--warmup-steps 0: the first step of PipeFusion would read keys and values that nobody wrote",
        "give at least 1");
  }
}

}  // namespace ditmesh
