#include "plan_options.hpp"

#include <filesystem>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/topology/cluster_json.hpp"
#include "ditmesh/topology/topology_reader.hpp"

namespace ditmesh {

namespace {

constexpr double kMostPatches = 1024;

}  // namespace

Cluster read_cluster_source(const std::string& source) {
  std::error_code error;
  if (std::filesystem::is_regular_file(source, error))
    return read_topology(read_file(source), source).cluster;
  return read_cluster(source);
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
