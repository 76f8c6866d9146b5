#pragma once
// The nodes that the ranks of a job run on, found out by all ranks together.

#include <string>
#include <vector>

#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/topology/slurm_environment.hpp"
#include "ditmesh/topology/slurm_cluster.hpp"
#include "ditmesh/topology/topology_reader.hpp"

namespace ditmesh {

/// The node of each rank: its host. DITMESH_TEST_NODES=a,a,b plays others.
std::vector<std::string> nodes_of_ranks(const MpiSession& mpi);

/// All ranks together; the same on all. One rank of each node looks at it, but for GPUs: each rank may see
/// others of them. What they found goes to rank 0 along a tree, is merged there with what Slurm says of the
/// network, and goes back: O(log ranks) messages a rank. Throws AgreedError.
TopologyReading discover_cluster(const MpiSession& mpi, const std::vector<std::string>& nodes);

/// Of this process.
std::optional<std::string> environment_variable(const std::string& name);
/// Nothing if there is no such file.
std::optional<std::string> text_of_file(const std::string& path);

}  // namespace ditmesh
