#pragma once
// Spans of a running rank: into a ring of memory by the threads that work, from there to a file by another.

#include <atomic>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/base/seconds.hpp"
#include "ditmesh/trace/span_file.hpp"
#include "ditmesh/trace/usage.hpp"

namespace ditmesh {

/// Spans that wait for the file; one thread puts them in, one takes them out, and neither waits.
class SpanRing {
 public:
  void put(const Span& span) {
    const uint64_t end = end_.load(std::memory_order_relaxed);
    if (end - begin_.load(std::memory_order_acquire) == kSize) {
      num_lost_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    spans_[end % kSize] = span;
    end_.store(end + 1, std::memory_order_release);
  }
  /// Appends all that is there.
  void take(std::vector<Span>& spans);
  uint64_t num_lost() const { return num_lost_.load(std::memory_order_relaxed); }

 private:
  // A lane that records 80,000 spans a second fills it between two looks of the recorder.
  static constexpr uint64_t kSize = uint64_t{1} << 14;
  std::vector<Span> spans_ = std::vector<Span>(kSize);
  alignas(64) std::atomic<uint64_t> begin_{0};
  alignas(64) std::atomic<uint64_t> end_{0};
  std::atomic<uint64_t> num_lost_{0};
};

/// What one thread records into; a default one records nothing. Cheap to copy, does not outlive its Recorder.
class LaneRecorder {
 public:
  LaneRecorder() = default;
  LaneRecorder(SpanRing* ring, Lane lane) : ring_(ring), lane_(lane) {}

  void record(Span span) const {
    if (ring_ == nullptr) return;
    span.lane = lane_;
    ring_->put(span);
  }

  /// A span from now until the object ends.
  class Scope {
   public:
    Scope(SpanRing* ring, const Span& span) : ring_(ring), span_(span) {
      if (ring_ != nullptr) span_.start_ns = nanoseconds_now();
    }
    ~Scope() {
      if (ring_ == nullptr) return;
      span_.duration_ns = nanoseconds_now() - span_.start_ns;
      ring_->put(span_);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    SpanRing* ring_;
    Span span_;
  };
  [[nodiscard]] Scope scope(Span span) const {
    span.lane = lane_;
    return {ring_, span};
  }
  [[nodiscard]] Scope scope(Phase phase, int64_t sample = -1, int32_t num_samples = 0) const {
    Span span;
    span.phase = phase;
    span.sample = sample;
    span.num_samples = num_samples;
    return scope(span);
  }

 private:
  SpanRing* ring_ = nullptr;
  Lane lane_ = Lane::generate;
};

/// One for a rank. Writes what the lanes recorded four times a second, and counters every second.
class Recorder {
 public:
  /// Bytes that the device holds now; asked by the recorder's thread.
  using DeviceMemory = std::function<double()>;

  /// Records nothing.
  Recorder() = default;
  Recorder(const std::filesystem::path& file, RankInfo info, DeviceMemory device_memory, Log log);
  /// Closes the file as if the rank had crashed, unless finish() was called.
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  bool is_on() const { return file_ != nullptr; }
  /// Used by one thread at a time.
  LaneRecorder lane(Lane lane);

  // From any thread.
  void set_clock(const ClockOffset& offset);
  void add_samples(int64_t count) { num_samples_ += count; }
  /// `group`: place in RankInfo::groups.
  void add_bytes_sent(size_t group, int64_t bytes) { bytes_sent_.at(group) += bytes; }

  /// Everything is written and synced when it returns.
  void finish();

  /// From any thread: what was recorded up to the last look of the recorder, a quarter of a second ago at
  /// most; all of it after finish().
  Usage usage() const;

  static constexpr size_t kMaxGroups = 16;

 private:
  void stop();
  void run();
  void write_spans();
  void write_counters();
  void check(bool is_written);

  RankInfo info_;
  DeviceMemory device_memory_;
  Log log_;
  std::array<SpanRing, kNumLanes> rings_;
  std::atomic<int64_t> num_samples_{0};
  std::array<std::atomic<int64_t>, kMaxGroups> bytes_sent_{};

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<ClockOffset> clock_;
  Usage usage_;
  bool quit_ = false;

  // Of the thread.
  std::unique_ptr<SpanFileWriter> file_;
  bool is_failed_ = false;
  uint64_t told_lost_ = 0;
  std::vector<Span> spans_;
  int64_t last_samples_ = 0;
  int64_t last_counters_ns_ = 0;
  std::thread thread_;
};

}  // namespace ditmesh
