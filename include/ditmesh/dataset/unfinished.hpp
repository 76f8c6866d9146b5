#pragma once
// What there is of a dataset whose job is running, was stopped, or crashed.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/job_record.hpp"
#include "ditmesh/dataset/shard.hpp"

namespace ditmesh {

struct UnfinishedPart {
  Part part;
  OrderedJson attempts;  // as in the job file
  std::string go_on;     // the command
};

/// An attempt that runs now.
struct RunningAttempt {
  Part part;
  int64_t number = 0;
  double elapsed_s = 0;  // since job.json says that it began
  int64_t num_made = 0;  // about: what stands in a journal may have failed
  int64_t num_left = 0;

  double images_per_second() const;
  /// Nothing before the first picture.
  std::optional<double> left_s() const;
};

struct Unfinished {
  std::filesystem::path folder;
  std::optional<int64_t> num_samples;       // of the whole dataset, if a job file says
  std::optional<std::string> image_format;  // likewise
  StatusCounts in_shards;
  int64_t num_shards = 0;
  int64_t in_journals = 0;  // records; about as many samples: one that failed may stand there twice
  int64_t num_journals = 0;
  std::vector<std::string> damaged;  // shards that cannot be read: "NAME: why"
  std::vector<UnfinishedPart> parts;
  std::vector<UnfinishedPart> missing_parts;  // without a job file
  std::vector<std::string> running;           // jobs that hold the lock, as they call themselves
  std::vector<RunningAttempt> attempts;       // that run now, as far as their job files say
  bool has_index = false;                     // of what was finished before
  bool only_index_is_missing = false;

  /// Samples that are neither in a shard nor in a journal; nothing if num_samples is not known.
  std::optional<int64_t> num_missing() const;
};

/// Whether the folder has no dataset.h5, but what a job leaves before it.
bool is_unfinished(const std::filesystem::path& folder);

/// Whether a job writes there now; its index, if there is one, is older.
bool is_being_written(const std::filesystem::path& folder);

/// Reads job files, the status column of the shards and the lengths in the journals, but no pixels. Throws
/// ConfigError for a job file that cannot be used.
Unfinished inspect_unfinished(const std::filesystem::path& folder,
                              std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

OrderedJson to_json(const Unfinished& unfinished);
/// Several lines, for people.
std::string to_text(const Unfinished& unfinished);

/// The command line that goes on with a job: every option that has not its default, quoted for a shell.
std::string command_to_go_on(const JobRecord& record);

}  // namespace ditmesh
