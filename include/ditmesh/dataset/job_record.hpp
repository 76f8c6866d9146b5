#pragma once
// job.json: how a dataset is made, for people, and for the attempts that go on with it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/dataset/part.hpp"

namespace ditmesh {

/// A shard that the job makes.
struct RecordedShard {
  std::string name;
  int64_t num_samples = 0;

  bool operator==(const RecordedShard&) const = default;
};

struct JobRecord {
  Part part;
  OrderedJson settings;  // option → {value, origin}
  std::string model_name;
  std::string model_hash;
  std::string manifest_name;
  std::string manifest_sha256;       // of the file
  std::string manifest_rows_sha256;  // of the rows as they were understood
  int64_t manifest_num_rows = 0;
  int64_t num_samples = 0;            // of the whole dataset, whatever the part
  int64_t shard_size = 0;             // samples; 0: as many as PlanOptions has it
  std::vector<RecordedShard> shards;  // of this part
  std::vector<int64_t> extended_at;   // num_samples before each --extend
  /// Everything that decides what the samples are: height, width, steps, guidance, true_cfg,
  /// negative_prompt, seed, images_per_prompt, … A null is a setting that was not given.
  OrderedJson sampling;
  bool save_latents = false;
  std::string image_format = "raw";
  std::string mesh;
  /// What may change bits but not what the samples are: device, dtype, threads, batch, inner_mesh, …
  OrderedJson numerics;
  OrderedJson versions;
  /// Objects with number, started, ranks, hosts, done_before, allow_different_numerics, numerics, and, unless
  /// the attempt crashed or still runs, made, per_rank, ended and ended_by ("done", "warning", "time_limit",
  /// …).
  OrderedJson attempts = OrderedJson::array();
  std::string content_hash;  // of the finished dataset

  /// Nothing if the file is not there. Throws ConfigError naming file, place and field if it cannot be used.
  static std::optional<JobRecord> read(const std::filesystem::path& output, const Part& part = {});
  /// Complete or not there. Throws EnvironmentError.
  void write(const std::filesystem::path& output) const;

  OrderedJson to_json() const;
  /// `text`: of the file `name`.
  static JobRecord from_text(const std::string& text, const std::string& name);

  /// 1, 2, …: one more than the last.
  int64_t next_attempt() const;
  /// Appends the attempt, or replaces the one with the same number.
  void set_attempt(const OrderedJson& attempt);

  bool operator==(const JobRecord&) const = default;
};

/// The records of all parts, or of the whole dataset; sorted by part.
std::vector<JobRecord> read_job_records(const std::filesystem::path& output);

/// Settings that differ, one sentence each: "--steps was 28, is 30 now". These decide what the samples are:
/// model, sampling settings, save_latents, image_format, shard size. Not the manifest.
std::vector<std::string> sampling_differences(const JobRecord& before, const JobRecord& now);

/// These may decide the bits: every field of `numerics`.
std::vector<std::string> numerics_differences(const JobRecord& before, const JobRecord& now);

enum class ManifestChange {
  none,
  grown,  // more rows than before: --extend, if the old ones are the beginning of the new ones
  other
};

/// By the rows, not the file: other line ends or comments change nothing.
ManifestChange manifest_change(const JobRecord& before, const JobRecord& now);

/// Whether two parts of one dataset have the same rows, or one of them those that --extend added to them.
bool manifests_agree(const JobRecord& part, const JobRecord& other);

/// The errors that refuse to go on in OUTPUT, with the remedy.
ConfigError other_sampling_error(const std::filesystem::path& output,
                                 const std::vector<std::string>& differences);
ConfigError other_numerics_error(const std::filesystem::path& output,
                                 const std::vector<std::string>& differences);
ConfigError other_manifest_error(const std::filesystem::path& output, const JobRecord& before,
                                 const JobRecord& now);

}  // namespace ditmesh
