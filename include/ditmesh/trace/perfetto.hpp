#pragma once

#include <iosfwd>

#include "ditmesh/trace/attempt_trace.hpp"

namespace ditmesh {

/// Google's Trace Event Format as JSON, which ui.perfetto.dev opens: a process per rank with a thread per
/// lane, spans as complete events ("X"), counters as counter events ("C"); times in microseconds.
void write_perfetto(const AttemptTrace& trace, std::ostream& out);

}  // namespace ditmesh
