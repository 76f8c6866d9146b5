#pragma once
// The spans of a simulated rank, as a real one records them.

#include <vector>

#include "ditmesh/schedule/schedule.hpp"
#include "ditmesh/topology/cluster.hpp"
#include "ditmesh/trace/span_file.hpp"

namespace ditmesh {

class SimulatedRankTrace {
 public:
  struct Step {
    int step = 0;
    int batch = 0;
    bool operator==(const Step&) const = default;
  };

  SimulatedRankTrace(const Schedule& schedule, const Program& program, int rank, const Cluster& cluster,
                     DeviceId device);

  /// The operation with this place in the program begins, or is over.
  void begin(size_t place, double now);
  void end(size_t place, double now);
  /// A verb was waited for.
  void wait(size_t place, Axis axis, double from, double until, double bytes);

  RankTrace take() { return std::move(trace_); }

 private:
  const Program& program_;
  RankTrace trace_{};
  // Of each operation the first of its span, and of each of these the last.
  std::vector<Step> steps_{};
  std::vector<size_t> first_;
  std::vector<size_t> last_;
  std::vector<size_t> span_;  // of the first: its place in the trace
  int64_t first_sample_ = 0;
  int32_t batch_size_ = 0;
  bool makes_samples_ = false;
};

}  // namespace ditmesh
