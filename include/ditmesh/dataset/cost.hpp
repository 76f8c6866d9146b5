#pragma once
// What a dataset cost: every second for which its attempts held devices, by what it was spent on.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/sample.hpp"
#include "ditmesh/trace/span.hpp"

namespace ditmesh {

/// The entries of the account. Their sum is the allocated time, exactly.
enum class Expense : uint8_t {
  denoising,
  encoding,  // of prompts
  decoding,
  writes,      // waiting for the journal, the shards and the index
  idle,        // waiting for a batch or for the other ranks, and what no span holds
  start_up,    // until the weights are read
  failed,      // samples that are recorded as failed
  made_again,  // work that is in no record: batches lost in a crash or dropped at a stop, and first failures
};
inline constexpr size_t kNumExpenses = static_cast<size_t>(Expense::made_again) + 1;
std::string_view name_of(Expense expense);

/// One attempt, all its ranks together.
struct AttemptTime {
  int64_t attempt = 0;
  double total_s = 0;                        // from each rank's start to its end
  std::array<double, kNumPhases> phase_s{};  // of the generating thread's phases
  /// No attempt after it has written an index: where the index has nothing of it, it is older than its work.
  bool is_open = false;

  void add(double more_s, const std::array<double, kNumPhases>& more_phase_s);
};

/// A sample that is in a record.
struct SampleTime {
  int64_t attempt = 0;
  SampleStatus status = SampleStatus::missing;
  double device_seconds = 0;
  std::string group;  // value of the column that the account is split by
};

struct GroupCost {
  std::string value;
  int64_t num_done = 0;
  double device_seconds = 0;  // of its samples
  double allocated_s = 0;     // its share of everything, by its device-seconds
};

struct Cost {
  double allocated_s = 0;  // device-seconds
  std::array<double, kNumExpenses> seconds{};
  int64_t num_attempts = 0;
  int64_t num_done = 0;
  int64_t num_failed = 0;
  std::vector<int64_t> unknown_attempts;  // without figures and without a trace
  std::vector<GroupCost> groups;          // the costliest first; empty without a column
};

Cost account(const std::vector<AttemptTime>& attempts, const std::vector<SampleTime>& samples, bool by_group);

/// Of a dataset with or without an index: job files, traces of attempts that crashed or still run, and the
/// samples in the index; without one nothing is known of failed samples, and all work counts, as that of an
/// --extend or --retry-failed that is not done. `column`: to split by. Throws ConfigError if there is no job
/// file, or no such column.
Cost cost_of(const std::filesystem::path& output, const std::optional<std::string>& column, const Log& log);

/// `price`: of a device-hour.
std::string to_text(const Cost& cost, std::optional<double> price);
OrderedJson to_json(const Cost& cost, std::optional<double> price);

}  // namespace ditmesh
