#include "version.hpp"

#include "ditmesh/base/text.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/kernels/device.hpp"
#include "git_commit.hpp"

namespace ditmesh {

std::string version() { return DITMESH_VERSION; }
std::string git_commit() { return kGitCommit; }

std::string build_versions() {
  return cat("ditmesh ", version(), " (commit ", git_commit(), "), LibTorch ", torch_version(), ", ",
             MpiSession::library_version());
}

}  // namespace ditmesh
