#pragma once
// The ranks' clocks, compared with that of rank 0.

#include <cstdint>
#include <vector>

namespace ditmesh {

/// What a rank's clock shows is behind rank 0's by `offset_ns`, give or take `error_ns`.
struct ClockOffset {
  int64_t time_ns = 0;  // of the rank's clock, when it was measured
  int64_t offset_ns = 0;
  int64_t error_ns = 0;

  bool operator==(const ClockOffset&) const = default;
};

/// A question to rank 0 and its answer, each time by the clock of who reads it.
struct RoundTrip {
  int64_t asked_ns = 0;
  int64_t answer_ns = 0;  // rank 0's clock
  int64_t heard_ns = 0;
};

/// The shortest of the round trips says it best: rank 0 answered somewhere between question and answer.
///   asked 100, rank 0 says 1050, heard 120  →  offset 1050 − 110 = 940, error 10
/// Needs at least one.
ClockOffset clock_offset(const std::vector<RoundTrip>& trips);

/// A rank's time as rank 0's: between two measurements along a line, for clocks drift; outside of them and
/// with one of them its offset; with none 0.
class ClockModel {
 public:
  ClockModel() = default;
  explicit ClockModel(std::vector<ClockOffset> measured);

  int64_t to_rank_0(int64_t time_ns) const;
  /// The largest of the measurements.
  int64_t error_ns() const;
  const std::vector<ClockOffset>& measured() const { return measured_; }

 private:
  std::vector<ClockOffset> measured_;  // in the order of time
};

}  // namespace ditmesh
