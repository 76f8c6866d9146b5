#pragma once
// Signals that end a job in time.

#include "ditmesh/job/message.hpp"

namespace ditmesh {

/// SIGUSR2 (Slurm's warning), SIGTERM and SIGINT are noted from now on instead of ending the process; a
/// second SIGINT ends it. A file-size limit (SIGXFSZ) is an error of the write that meets it.
void catch_stop_signals();

/// The sharpest reason that a signal gave so far.
StopReason stop_signal();

}  // namespace ditmesh
