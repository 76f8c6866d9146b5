#pragma once
// Counts from all ranks to rank 0, while everybody computes.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace ditmesh {

/// Messages on a communicator of their own, so that they never meet those of the
/// tensors. Made and destroyed by all ranks together.
class ProgressChannel {
 public:
  static constexpr int kNumCounts = 2;
  using Counts = std::array<int64_t, kNumCounts>;

  ProgressChannel();
  ~ProgressChannel();
  ProgressChannel(const ProgressChannel&) = delete;
  ProgressChannel& operator=(const ProgressChannel&) = delete;

  /// This rank's counts so far. Never waits: while the last message is still on
  /// its way a report is left out, the next one has its counts too.
  void report(const Counts& counts);

  /// On rank 0: the sums over all ranks as far as reported. From any one thread.
  Counts totals();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ditmesh
