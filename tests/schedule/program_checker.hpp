#pragma once
// Runs the programs of a replica as the strictest machine would, and says what is wrong with them.

#include <optional>
#include <string>
#include <vector>

#include "ditmesh/schedule/schedule.hpp"

namespace ditmesh::testing {

/// A send ends when its receiver has taken what is sent, a verb when all its ranks are in it. Instead of
/// numbers the machine keeps what they stand for: through which blocks the rows at hand have gone, of which
/// step the latents and the cached keys and values of every token are. The first fault found, or nothing.
/// `programs`: of all ranks of the mesh.
std::optional<std::string> find_fault(const Schedule& schedule, const std::vector<Program>& programs);

std::vector<Program> programs_of(const Schedule& schedule);

}  // namespace ditmesh::testing
