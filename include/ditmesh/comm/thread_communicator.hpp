#pragma once
// Threads as ranks: multi-rank algorithms in milliseconds, in one process.

#include <chrono>
#include <functional>

#include "ditmesh/comm/communicator.hpp"

namespace ditmesh {

/// Runs `body` on `num_ranks` threads, each with its own communicator of one
/// group, and waits for all. The first exception is thrown again; the other
/// ranks are released from their waits.
void run_thread_ranks(int num_ranks, const std::function<void(Communicator&)>& body,
                      std::chrono::milliseconds deadline = std::chrono::seconds(60));

}  // namespace ditmesh
