#include "progress.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr int kBarWidth = 30;
constexpr auto kRedraw = std::chrono::milliseconds(200);
constexpr auto kLogInterval = std::chrono::minutes(1);

}  // namespace

std::string progress_text(const ProgressCounts& counts, int64_t total, double seconds) {
  const int64_t finished = counts.done + counts.failed;
  std::string text = cat(counts.done, " done, ", counts.failed, " failed of ", total);
  if (finished == 0 || seconds <= 0) return text;
  const double rate = static_cast<double>(finished) / seconds;
  text += cat(" · ", std::fixed, std::setprecision(rate < 10 ? 2 : 1), rate, " images/s");
  if (finished < total)
    text += cat(" · ", human_seconds(static_cast<double>(total - finished) / rate), " left");
  return text;
}

std::string progress_bar(const ProgressCounts& counts, int64_t total, int width) {
  const int64_t full = total == 0 ? width : (counts.done + counts.failed) * width / total;
  std::string bar = "[";
  for (int i = 0; i < width; ++i) bar += i < full ? "█" : "·";
  return bar + "] ";
}

bool shown_on_terminal() {
  if (::isatty(STDERR_FILENO) == 1 && std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return true;
  const std::filesystem::path parent = cat("/proc/", ::getppid());
  std::ifstream name_file(parent / "comm");
  std::string name;
  std::getline(name_file, name);
  if (name != "mpirun" && name != "mpiexec" && name != "orterun" && name != "prterun") return false;
  std::error_code error;
  const auto target = std::filesystem::read_symlink(parent / "fd" / "2", error).string();
  return !error && (target.starts_with("/dev/pts/") || target.starts_with("/dev/tty"));
}

ProgressDisplay::ProgressDisplay(int64_t total, std::function<ProgressCounts()> counts, Log log)
    : total_(total), counts_(std::move(counts)), log_(std::move(log)), thread_([this] { run(); }) {}

ProgressDisplay::~ProgressDisplay() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ProgressDisplay::run() {
  const bool terminal = shown_on_terminal();
  auto last_log = start_;
  while (true) {
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      last = wake_.wait_for(lock, kRedraw, [this] { return stop_; });
    }
    const auto now = std::chrono::steady_clock::now();
    const ProgressCounts counts = counts_();
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const std::string text = progress_text(counts, total_, seconds);
    if (terminal) {
      // Erased to the end of the line: the text before may have been longer.
      std::cerr << cat('\r', progress_bar(counts, total_, kBarWidth), text, "\033[K", last ? "\n" : "")
                << std::flush;
    } else if (last || now - last_log >= kLogInterval) {
      log_.info(text);
      last_log = now;
    }
    if (last) return;
  }
}

}  // namespace ditmesh
