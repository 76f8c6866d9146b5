#pragma once
// What is in a dataset, at a glance.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/reader.hpp"

namespace ditmesh {

struct BucketSummary {
  std::string name;  // "1024x768"
  StatusCounts counts;
  int64_t num_shards = 0;

  bool operator==(const BucketSummary&) const = default;
};

struct DeviceSeconds {
  double min = 0;
  double median = 0;
  double max = 0;
};

struct Summary {
  std::filesystem::path folder;
  StatusCounts counts;
  std::vector<BucketSummary> buckets;  // by order of first appearance
  int64_t num_shards = 0;
  int64_t num_journals = 0;  // a job in the making, or a crash
  uint64_t size_bytes = 0;   // index and shards
  std::string content_hash;
  ImageFormat image_format;
  std::vector<std::string> further_columns;
  std::optional<DeviceSeconds> device_seconds;  // of the done samples
  std::vector<std::string> errors;              // of failed samples, at most 10: "id #copy: error"
  Json job;                                     // job.json; null if there is none
  std::optional<int64_t> num_samples;           // that there will be, if a job file says
  std::vector<std::string> go_on;               // the commands, if it is not finished

  /// All samples of the job are in the index, and were made.
  bool is_finished() const {
    return counts.missing == 0 && num_samples.value_or(counts.total()) == counts.total();
  }
};

Summary inspect_dataset(const Dataset& dataset);

OrderedJson to_json(const Summary& summary);
/// Several lines, for people.
std::string to_text(const Summary& summary);

}  // namespace ditmesh
