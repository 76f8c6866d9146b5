#pragma once
// The files of OUTPUT against what the job files say that there should be.

#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/dataset/job_record.hpp"

namespace ditmesh {

struct ShardCensus {
  bool is_known = false;              // there are job files
  std::vector<Part> missing_parts;    // without a job file
  std::vector<std::string> missing;   // shards that a job file names, but that are not there
  std::vector<std::string> foreign;   // shards that are there, but that no job file names
  std::vector<std::string> leftover;  // journals and temporary files, relative to OUTPUT

  /// Every part has its job file, and every shard is there.
  bool is_complete() const { return is_known && missing_parts.empty() && missing.empty(); }
};

/// `present`: as shard_names() gives it, sorted.
ShardCensus take_census(const std::filesystem::path& output, const std::vector<JobRecord>& records,
                        const std::vector<std::string>& present);
/// Reads the job files and lists the shards. Throws ConfigError for a job file that cannot be used.
ShardCensus take_census(const std::filesystem::path& output);

/// Removes what no later attempt needs: temporary files, the samples of an attempt. Journals stay. For
/// whoever holds the lock of the whole dataset.
void remove_temporary_files(const std::filesystem::path& output, const ShardCensus& census);

/// What `ditmesh index` says of an index that lacks something: one sentence each, the first names of a
/// longer list; none if the census is complete or there are no job files.
std::vector<std::string> absences(const ShardCensus& census);

}  // namespace ditmesh
