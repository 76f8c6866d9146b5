#pragma once
// What a person sees while a job runs: a bar on a terminal, a line a minute in a log.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "ditmesh/base/log.hpp"

namespace ditmesh {

struct ProgressCounts {
  int64_t done = 0;
  int64_t failed = 0;
};

/// "12 done, 1 failed of 40 · 0.52 images/s · 0:01:05 left"; `seconds` since the first image was begun.
std::string progress_text(const ProgressCounts& counts, int64_t total, double seconds);

/// "[#####·····] " for the share that is finished.
std::string progress_bar(const ProgressCounts& counts, int64_t total, int width);

/// Whether standard error is watched by a person. mpirun gives its ranks pipes;
/// then its own standard error decides.
bool shown_on_terminal();

/// Calls `counts` a few times a second from its own thread and shows the result, until it is destroyed.
class ProgressDisplay {
 public:
  ProgressDisplay(int64_t total, std::function<ProgressCounts()> counts, Log log);
  ~ProgressDisplay();

 private:
  void run();

  int64_t total_;
  std::function<ProgressCounts()> counts_;
  Log log_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace ditmesh
