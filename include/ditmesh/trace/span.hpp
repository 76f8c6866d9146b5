#pragma once
// What a trace is made of: spans of time, and counters.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ditmesh {

/// What a stretch of time went into.
enum class Phase : uint8_t {
  set_up,       // from the start of the program to the first weight
  load,         // reading weights
  queue,        // waiting for a batch
  encode,       // prompts
  denoise,      // one step of a batch
  decode,       // latents to pixels
  hand_over,    // waiting for the journal to take a batch
  end_wait,     // nothing is left to begin: waiting for the other ranks
  flush,        // waiting for this rank's own journal and shards
  index,        // writing the index
  communicate,  // waiting for a verb of a group of ranks
  journal,      // appending a batch, fsync included
  shard,        // writing a shard
  hash,         // of pixels, inside of `shard`
};
inline constexpr size_t kNumPhases = static_cast<size_t>(Phase::hash) + 1;

/// "denoise"; phase_of(name_of(p)) == p.
std::string_view name_of(Phase phase);
std::optional<Phase> phase_of(std::string_view name);

/// Whether the time makes pictures: encode, denoise, decode.
bool is_useful(Phase phase);
/// Whether the rank waits for others: queue, end_wait, communicate.
bool is_waiting(Phase phase);

/// Threads of a rank that record.
enum class Lane : uint8_t { generate, journal, shard };
inline constexpr size_t kNumLanes = 3;
std::string_view name_of(Lane lane);
std::optional<Lane> lane_of(std::string_view name);

/// Written as it stands in memory. Times are nanoseconds of the rank's steady clock.
struct Span {
  int64_t start_ns = 0;
  int64_t duration_ns = 0;
  int64_t sample = -1;  // the first of the batch, in the order of /samples; -1: of none
  int64_t bytes = 0;    // that a verb sent
  int32_t num_samples = 0;
  int32_t step = -1;  // of denoising, from 0
  Phase phase = Phase::set_up;
  Lane lane = Lane::generate;
  uint8_t group = 0;  // of a verb: place of its name in the trace's list of groups
  std::array<uint8_t, 5> unused{};

  int64_t end_ns() const { return start_ns + duration_ns; }
  bool operator==(const Span&) const = default;
};
static_assert(sizeof(Span) == 48, "Span is written as it stands in memory: it must have no gaps");

enum class CounterKind : uint8_t {
  host_memory,         // bytes, resident
  device_memory,       // bytes, reserved
  samples,             // made so far by this rank
  samples_per_second,  // since the value before
  bytes_sent,          // so far, by the verbs of one group
};
inline constexpr size_t kNumCounterKinds = static_cast<size_t>(CounterKind::bytes_sent) + 1;
/// "host_memory"; and its unit, "bytes".
std::string_view name_of(CounterKind kind);
std::optional<CounterKind> counter_kind_of(std::string_view name);
std::string_view unit_of(CounterKind kind);

/// A counter's value at one time.
struct CounterValue {
  int64_t time_ns = 0;
  double value = 0;
  CounterKind kind = CounterKind::host_memory;
  uint8_t group = 0;
  std::array<uint8_t, 6> unused{};

  bool operator==(const CounterValue&) const = default;
};
static_assert(sizeof(CounterValue) == 24, "CounterValue is written as it stands in memory");

}  // namespace ditmesh
