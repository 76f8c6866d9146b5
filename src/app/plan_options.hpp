#pragma once
// Options about meshes that several commands share, and what they ask of the planner.

#include <string>
#include <vector>

#include "ditmesh/mesh/planner.hpp"
#include "options.hpp"

namespace ditmesh {

/// A cluster from a file of any format that topology --from reads, or a built-in one by name.
Cluster read_cluster_source(const std::string& source);

/// --patches, --warmup-steps, --stages and --allow-mixed-devices.
std::vector<OptionSpec> mesh_options();

/// Checked against the model and steps: patches and warm-up steps. Throws ConfigError.
void read_mesh_options(const Options& options, Workload& workload);

}  // namespace ditmesh
