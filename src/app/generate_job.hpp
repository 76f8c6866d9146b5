#pragma once
// A job on all ranks: orders, pictures, journals, shards, index.

#include "ditmesh/base/log.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "command.hpp"
#include "generate_settings.hpp"
#include "prepared_job.hpp"

namespace ditmesh {

/// `prepared`: on rank 0, where the samples' state is; null elsewhere. Returns the same on all ranks.
/// Throws AgreedError; any other error is one rank's. `program_start`: for the trace.
ExitCode run_generate_job(const Command& command, const Options& options, PreparedJob* prepared,
                          JobClock::time_point program_start, const MpiSession& mpi, const Log& log);

}  // namespace ditmesh
