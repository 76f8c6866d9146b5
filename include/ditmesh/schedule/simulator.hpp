#pragma once
// Runs the programs of a schedule on a described cluster: how long it takes, who waits, over which links.

#include <array>
#include <vector>

#include "ditmesh/schedule/schedule.hpp"
#include "ditmesh/topology/route.hpp"
#include "ditmesh/trace/attempt_trace.hpp"

namespace ditmesh {

/// What operations cost, links apart.
class OperationCosts {
 public:
  virtual ~OperationCosts() = default;

  /// Of computing the whole operation on this rank, without its communication; 0 for those that only move.
  virtual double seconds(const Operation& operation, int rank) const = 0;
  /// The share of that during which attention runs: overlapped verbs run beside it.
  virtual double attention_share(const Operation& operation) const = 0;
  /// Of starting one call of a verb, whatever its bytes: launches and meeting. A send counts as an exchange
  /// of 2 ranks.
  virtual double start_seconds(Pattern pattern, int num_ranks, Level level) const = 0;
  /// The share of the links' bandwidth that transfers of this level get.
  virtual double link_share(Level /*level*/) const { return 1; }
};

struct SimulationOptions {
  /// Whether a send ends when the receiver has taken what is sent, and a receive when it is there. Otherwise
  /// the sender goes on at once, and latents are waited for where they are needed.
  bool blocking_sends = false;
};

struct Simulation {
  double total_s = 0;
  /// From the end of a step's last scheduler to that of the next; the first from the start.
  std::vector<double> step_s{};
  std::vector<double> compute_s{};  // of each rank
  /// Share of all ranks' time in which they do not compute: they wait for others, or for links.
  double bubble_share = 0;
  PerLevel bytes{};  // moved, by the dearest level of their way
  /// As of a real run: a span a step and batch, in it the waiting for verbs by axis; decoding. The samples
  /// count as made by the first rank of a replica.
  AttemptTrace trace{};
};

/// `devices`: of each rank of the mesh, all replicas, which share the links. The model of communication:
///   - a collective of n ranks is flows between neighbours (all_gather, reduce_scatter: each moves (n − 1)/n
///     of all; exchange; broadcast: a chain), or one for each pair (all_to_all);
///   - it takes its start, the latency of its longest way (n − 1 times where it goes around), and its bytes
///     at the rate that the links give at the time;
///   - the blocks of an operation compute first, then speak: their verbs of a kind are one transfer with the
///     bytes, starts and latencies of all. Overlapped ones run beside the attention.
/// Throws InternalError if the programs wait for ever.
Simulation simulate(const Schedule& schedule, const Router& router, const std::vector<DeviceId>& devices,
                    const OperationCosts& costs, const SimulationOptions& options = {});

}  // namespace ditmesh
