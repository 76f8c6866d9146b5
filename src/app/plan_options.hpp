#pragma once
// Options about meshes that several commands share, and what they ask of the planner.

#include <map>
#include <string>
#include <vector>

#include "ditmesh/mesh/planner.hpp"
#include "ditmesh/topology/topology_reader.hpp"
#include "options.hpp"

namespace ditmesh {

/// A cluster from a file of any format that topology --from reads, or a built-in one by name.
TopologyReading read_cluster_source(const std::string& source);

/// --patches, --warmup-steps, --stages and --allow-mixed-devices.
std::vector<OptionSpec> mesh_options();

/// Checked against the model and steps: patches and warm-up steps. Throws ConfigError.
void read_mesh_options(const Options& options, Workload& workload);

/// --dtype on such devices.
Dtype dtype_of(const std::string& name, bool is_gpu);

/// --stages for the degrees that are given; none without the option. Throws ConfigError.
std::vector<Range> read_stages(const Options& options, const std::map<Axis, int>& degrees, int num_blocks);

}  // namespace ditmesh
