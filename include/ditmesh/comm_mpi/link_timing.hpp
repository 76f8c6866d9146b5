#pragma once
// How long messages between two ranks take.

#include <cstdint>
#include <vector>

#include "ditmesh/comm_mpi/mpi_session.hpp"

namespace ditmesh {

struct LinkTimes {
  std::vector<double> latency_s;    // one way, of a message of 8 bytes
  std::vector<double> bytes_per_s;  // of large ones, one way at a time, back and forth
  int64_t bytes = 0;                // of a large one
};

/// The two ranks of a pair call it at the same time, naming each other; both get what the lower one measured.
/// Messages go there and back, half of the time is one way. Large ones are as large as takes a few ms, 64 KiB
/// to 64 MiB; so a pair is done within about 100 ms where the link gives at least 100 MB/s. The first ones,
/// which set up connections and touch memory, are not counted.
LinkTimes time_link(const MpiSession& mpi, int peer);

}  // namespace ditmesh
