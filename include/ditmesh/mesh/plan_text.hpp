#pragma once
// What a plan looks like to people.

#include <string>

#include "ditmesh/base/json.hpp"
#include "ditmesh/mesh/planner.hpp"

namespace ditmesh {

/// One sentence: what the mesh gains, and what it loses most by.
std::string reason_of(const PlannedMesh& planned, const PlanRequest& request);

/// A table of the first `most` meshes, with what is approximate or too large apart.
std::string to_text(const MeshRanking& plan, const PlanRequest& request, const Cluster& cluster, size_t most);
OrderedJson to_json(const MeshRanking& plan, const PlanRequest& request, const Cluster& cluster);

/// A line for each node, a column for each device: the rank's place on the mesh, "d1 u0" for data=1,
/// ulysses=0.
std::string placement_picture(const Placement& placement, const Mesh& mesh, const Cluster& cluster);

/// Where the time of one mesh goes, and its memory.
std::string explain(const PlannedMesh& planned);

}  // namespace ditmesh
