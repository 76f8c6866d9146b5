#pragma once

#include <string>

namespace ditmesh {

/// "0.1.0", and the commit it was built from ("unknown" outside a checkout).
std::string version();
std::string git_commit();

/// All that must be the same on every rank, one line.
std::string build_versions();

}  // namespace ditmesh
