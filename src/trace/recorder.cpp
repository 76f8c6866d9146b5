#include "ditmesh/trace/recorder.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr std::chrono::milliseconds kRound{250};
constexpr int64_t kCounters_ns = 1'000'000'000;

double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double total = 0;
  double resident = 0;
  in >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void SpanRing::take(std::vector<Span>& spans) {
  const uint64_t begin = begin_.load(std::memory_order_relaxed);
  const uint64_t end = end_.load(std::memory_order_acquire);
  for (uint64_t i = begin; i < end; ++i) spans.push_back(spans_[i % kSize]);
  begin_.store(end, std::memory_order_release);
}

Recorder::Recorder(const std::filesystem::path& file, RankInfo info, DeviceMemory device_memory, Log log)
    : info_(std::move(info)),
      device_memory_(std::move(device_memory)),
      log_(std::move(log)),
      file_(std::make_unique<SpanFileWriter>(file, info_)),
      last_counters_ns_(nanoseconds_now()) {
  check(file_->append(std::span<const Span>()));
  thread_ = std::thread([this] { run(); });
}

Recorder::~Recorder() { stop(); }

void Recorder::finish() {
  if (!thread_.joinable()) return;
  stop();
  check(file_->close());
}

void Recorder::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

LaneRecorder Recorder::lane(Lane lane) {
  return file_ ? LaneRecorder(&rings_.at(static_cast<size_t>(lane)), lane) : LaneRecorder();
}

void Recorder::set_clock(const ClockOffset& offset) {
  const std::lock_guard lock(mutex_);
  clock_.push_back(offset);
}

Usage Recorder::usage() const {
  const std::lock_guard lock(mutex_);
  Usage usage = usage_;
  usage.num_samples = num_samples_;
  return usage;
}

void Recorder::run() {
  bool quit = false;
  while (!quit) {
    std::vector<ClockOffset> clock;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kRound, [this] { return quit_; });
      quit = quit_;
      clock = std::exchange(clock_, {});
    }
    for (const ClockOffset& offset : clock) check(file_->append(offset));
    write_spans();
    if (quit || nanoseconds_now() - last_counters_ns_ >= kCounters_ns) write_counters();
  }
}

void Recorder::write_spans() {
  spans_.clear();
  uint64_t num_lost = 0;
  for (SpanRing& ring : rings_) {
    ring.take(spans_);
    num_lost += ring.num_lost();
  }
  {
    const std::lock_guard lock(mutex_);
    for (const Span& span : spans_)
      usage_.seconds.at(static_cast<size_t>(span.phase)) += static_cast<double>(span.duration_ns) * 1e-9;
  }
  check(file_->append(spans_));
  if (num_lost != std::exchange(told_lost_, num_lost)) check(file_->append_num_lost(num_lost));
}

void Recorder::write_counters() {
  const int64_t now = nanoseconds_now();
  const int64_t samples = num_samples_;
  const double seconds = static_cast<double>(now - std::exchange(last_counters_ns_, now)) * 1e-9;
  const auto rate = static_cast<double>(samples - std::exchange(last_samples_, samples)) / seconds;
  const double host_memory = resident_bytes();
  const double device_memory = device_memory_ ? device_memory_() : 0;
  {
    const std::lock_guard lock(mutex_);
    usage_.host_memory_bytes = host_memory;
    usage_.device_memory_bytes = device_memory;
  }
  std::vector<CounterValue> values = {
      {now, host_memory, CounterKind::host_memory, 0, {}},
      {now, static_cast<double>(samples), CounterKind::samples, 0, {}},
      {now, rate, CounterKind::samples_per_second, 0, {}},
  };
  if (device_memory_) values.push_back({now, device_memory, CounterKind::device_memory, 0, {}});
  for (size_t group = 0; group < info_.groups.size(); ++group) {
    values.push_back({now,
                      static_cast<double>(bytes_sent_.at(group)),
                      CounterKind::bytes_sent,
                      static_cast<uint8_t>(group),
                      {}});
  }
  check(file_->append(values));
}

void Recorder::check(bool is_written) {
  if (is_written || std::exchange(is_failed_, true)) return;
  log_.warning(cat("the trace of rank ", info_.rank, " ends here, the job goes on: ", std::strerror(errno)));
}

}  // namespace ditmesh
