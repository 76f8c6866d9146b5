#pragma once
// Checks that rank 0 makes, or all ranks together, with one answer for all.

#include <filesystem>
#include <functional>

#include "ditmesh/comm_mpi/mpi_session.hpp"

namespace ditmesh {

/// Runs `body` on rank 0; its error is thrown on all ranks, as an AgreedError.
void share_error(const MpiSession& mpi, const std::function<void()>& body);

/// Runs `body` on every rank; an error of one or more of them is thrown on all, as an AgreedError.
void run_on_each(const MpiSession& mpi, const std::function<void()>& body);

/// How the files of check_shared_folder() begin, while it looks.
inline constexpr const char* kProbePrefix = "probe-";

/// All ranks must see the same files in `folder`, which is there, and be able to write to it. Throws
/// AgreedError that names the hosts.
void check_shared_folder(const MpiSession& mpi, const std::filesystem::path& folder);

}  // namespace ditmesh
