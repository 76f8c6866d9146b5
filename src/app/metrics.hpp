#pragma once
// `generate --metrics FILE`: the job's state as Prometheus reads it, for dashboards and alarms.

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/job/coordinator.hpp"
#include "ditmesh/trace/usage.hpp"

namespace ditmesh {

/// A job at one moment.
struct JobSnapshot {
  JobCounts counts;
  std::vector<Usage> ranks;  // as far as they have told it
  int num_ranks = 1;
  double elapsed_s = 0;          // since the program began
  double images_per_second = 0;  // of late
  bool is_running = true;
};

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// The text exposition format of Prometheus, version 0.0.4. `labels` stand in ditmesh_job_info.
std::string prometheus_text(const JobSnapshot& job, const MetricLabels& labels);

/// Throws ConfigError unless a file can be written there, outside of `output`.
void check_metrics_path(const std::filesystem::path& path, const std::filesystem::path& output);

/// Writes the file at once, every five seconds, and when it ends: each time whole, under another name that is
/// then renamed. A file that cannot be written any more is told once, and is no error of the job.
class MetricsFile {
 public:
  /// `look`: counts, ranks and number of ranks; called from a thread of its own.
  MetricsFile(std::filesystem::path path, MetricLabels labels, std::function<JobSnapshot()> look, Log log);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

 private:
  void run();
  void write(bool is_running);
  double rate(const JobSnapshot& job);

  std::filesystem::path path_;
  MetricLabels labels_;
  std::function<JobSnapshot()> look_;
  Log log_;
  bool is_told_ = false;
  std::deque<std::pair<double, int64_t>> history_;  // elapsed seconds, samples finished; the last minute's
  std::mutex mutex_;
  std::condition_variable wake_;
  bool quit_ = false;
  std::thread thread_;
};

}  // namespace ditmesh
