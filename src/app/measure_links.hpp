#pragma once
// `ditmesh topology --measure`: short real transfers between the ranks.

#include <string>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/topology/cluster.hpp"

namespace ditmesh {

/// All ranks together; the same on all. Messages by MPI, from the host's memory to the host's, between the
/// pairs of measuring_rounds(); those of a round at the same time. On ranks with a GPU also copies from
/// pinned memory to it and back, all ranks at the same time, and between the GPUs that one process of a node
/// sees, one after the other. CPU ranks are bound as `generate` binds them. `nodes`: of each rank, those of
/// `cluster`. Throws AgreedError.
std::vector<Measurement> measure_links(const MpiSession& mpi, const std::vector<std::string>& nodes,
                                       const Cluster& cluster, const Log& log);

}  // namespace ditmesh
