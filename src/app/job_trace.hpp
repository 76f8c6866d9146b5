#pragma once
// The trace of a `generate` job: begun on every rank, made into HDF5 by one rank of each node.

#include <memory>

#include "ditmesh/base/log.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/job/job_clock.hpp"
#include "ditmesh/trace/recorder.hpp"
#include "generate_settings.hpp"
#include "rank_device.hpp"

namespace ditmesh {

/// All ranks together. The time since `program_start` is recorded as set-up. DITMESH_TEST_TRACE=off gives a
/// recorder that records nothing, for measuring what recording costs.
std::unique_ptr<Recorder> begin_trace(const GenerateSettings& settings, const RankDevice& device,
                                      JobClock::time_point program_start, const MpiSession& mpi,
                                      const Log& log);

/// All ranks together, when the job has ended: measures the clocks again, and closes the file.
void close_trace(Recorder& recorder, const MpiSession& mpi);

/// When all ranks have closed theirs: makes HDF5 of the files of this attempt and of those before it, by one
/// rank of each node. A job that stops in time leaves that to the next attempt. What goes wrong is told, and
/// is no error of the job.
void convert_traces(const GenerateSettings& settings, const MpiSession& mpi, const Log& log);

}  // namespace ditmesh
