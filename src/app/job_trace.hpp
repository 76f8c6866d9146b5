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

/// All ranks together, when the job has ended: measures the clocks again and closes the files. With
/// `is_done`, the traces of this attempt and of those before it become HDF5; a job that stops in time leaves
/// that to the next attempt. What goes wrong is told, and is no error of the job.
void end_trace(Recorder& recorder, const GenerateSettings& settings, bool is_done, const MpiSession& mpi,
               const Log& log);

}  // namespace ditmesh
