#include "ditmesh/trace/span.hpp"

#include <algorithm>

namespace ditmesh {

namespace {

constexpr std::array<std::string_view, kNumPhases> kPhases = {
    "set_up",   "load",  "queue", "encode",      "denoise", "decode", "hand_over",
    "end_wait", "flush", "index", "communicate", "journal", "shard",  "hash"};
constexpr std::array<std::string_view, kNumLanes> kLanes = {"generate", "journal", "shard"};
constexpr std::array<std::string_view, kNumCounterKinds> kCounters = {
    "host_memory", "device_memory", "samples", "samples_per_second", "bytes_sent"};
constexpr std::array<std::string_view, kNumCounterKinds> kUnits = {"bytes", "bytes", "samples", "samples/s",
                                                                   "bytes"};

template <typename Enum, size_t N>
std::optional<Enum> find(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view name_of(Phase phase) { return kPhases.at(static_cast<size_t>(phase)); }
std::optional<Phase> phase_of(std::string_view name) { return find<Phase>(kPhases, name); }

bool is_useful(Phase phase) {
  return phase == Phase::encode || phase == Phase::denoise || phase == Phase::decode;
}

bool is_waiting(Phase phase) {
  return phase == Phase::queue || phase == Phase::end_wait || phase == Phase::communicate;
}

std::string_view name_of(Lane lane) { return kLanes.at(static_cast<size_t>(lane)); }
std::optional<Lane> lane_of(std::string_view name) { return find<Lane>(kLanes, name); }

std::string_view name_of(CounterKind kind) { return kCounters.at(static_cast<size_t>(kind)); }
std::optional<CounterKind> counter_kind_of(std::string_view name) {
  return find<CounterKind>(kCounters, name);
}
std::string_view unit_of(CounterKind kind) { return kUnits.at(static_cast<size_t>(kind)); }

}  // namespace ditmesh
