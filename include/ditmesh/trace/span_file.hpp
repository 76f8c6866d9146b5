#pragma once
// A rank's trace on disk while the job runs: a file that a crash may cut anywhere.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ditmesh/trace/clock_model.hpp"
#include "ditmesh/trace/span.hpp"

namespace ditmesh {

/// Whose trace it is.
struct RankInfo {
  int32_t rank = 0;
  int32_t num_ranks = 1;
  int64_t attempt = 0;
  std::string coordinate;  // in the mesh, "data=3"
  std::string host;
  int64_t process = 0;
  std::string device;               // its model
  std::string started;              // UTC
  int64_t start_ns = 0;             // of the program, by the rank's clock
  int64_t origin_ns = 0;            // of rank 0's program, by rank 0's clock
  std::vector<std::string> groups;  // names that Span::group and CounterValue::group mean

  bool operator==(const RankInfo&) const = default;
};

/// OUTPUT/traces/attempt-3.rank-17.spans; `prefix` of the name: "attempt-3", or with a part before it.
std::filesystem::path span_file_path(const std::filesystem::path& traces, const std::string& prefix,
                                     int32_t rank);

/// Appends blocks. Not synced until close(): a crash of the program loses nothing that was appended, a crash
/// of the machine some seconds. Errors are for the caller to tell: a trace is not worth a job.
class SpanFileWriter {
 public:
  /// Creates the file and its folder; what a crash left under the name is written over.
  SpanFileWriter(const std::filesystem::path& path, const RankInfo& info);
  ~SpanFileWriter();
  SpanFileWriter(const SpanFileWriter&) = delete;
  SpanFileWriter& operator=(const SpanFileWriter&) = delete;

  /// Each false, with errno set, if it could not be written.
  bool append(std::span<const Span> spans);
  bool append(std::span<const CounterValue> values);
  bool append(const ClockOffset& offset);
  /// Spans that did not fit the recorder's ring.
  bool append_num_lost(uint64_t num_lost);
  bool close();

 private:
  bool append_block(char kind, const void* bytes, size_t size);

  int fd_ = -1;
  bool is_good_ = true;
};

/// A rank's whole trace; times are still of its own clock.
struct RankTrace {
  RankInfo info;
  std::vector<Span> spans;
  std::vector<CounterValue> counters;
  std::vector<ClockOffset> clock;
  uint64_t num_lost = 0;
  bool is_closed = false;  // the rank came to its end
  std::string damage;      // what is said about a torn end; empty if there is none

  bool operator==(const RankTrace&) const = default;
};

/// Whose file it is, without a look at what follows. Throws as read_span_file().
RankInfo read_span_head(const std::filesystem::path& path);

/// Throws ConfigError naming the file if it is no span file of this version, or not even its head is whole.
RankTrace read_span_file(const std::filesystem::path& path);

}  // namespace ditmesh
