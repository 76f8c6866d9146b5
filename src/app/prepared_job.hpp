#pragma once
// A `generate` job as rank 0 knows it: decided and checked before anything is written, then led to its end.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/comm_mpi/mpi_session.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/job_record.hpp"
#include "ditmesh/dataset/job_samples.hpp"
#include "ditmesh/dataset/output_check.hpp"
#include "ditmesh/dataset/output_lock.hpp"
#include "ditmesh/dataset/part.hpp"
#include "ditmesh/dataset/shard.hpp"
#include "ditmesh/job/coordinator.hpp"
#include "ditmesh/mesh/mesh.hpp"
#include "ditmesh/topology/cluster.hpp"
#include "generate_settings.hpp"
#include "metrics.hpp"
#include "rank_device.hpp"
#include "scratch_file.hpp"

namespace ditmesh {

class PreparedJob {
 public:
  /// Resolves and checks all input. Throws ConfigError or EnvironmentError; writes nothing but a scratch
  /// file outside of the output.
  /// `start`: of the program, for --time-limit.
  PreparedJob(const Options& options, int num_ranks, JobClock::time_point start, const Log& log);
  PreparedJob(const PreparedJob&) = delete;
  PreparedJob& operator=(const PreparedJob&) = delete;

  /// Reads what earlier attempts left in the output, and compares the free space with what is missing.
  void look_at_output(const Log& log);

  /// Several lines for people: samples, sizes, shards, mesh, what is done already. After look_at_output().
  std::string describe() const;
  /// Where the job would run and how fast, several lines; the same way.
  std::string forecast(const Cluster& cluster, int num_ranks) const;

  /// Takes the lock, compares again, and looks: the first that touches the output.
  void open_output(const Log& log);

  /// What the other ranks must know.
  const GenerateSettings& settings() const { return settings_; }

  /// Now that the devices are known: refuses numbers that would differ from those of the attempts before,
  /// and writes job.json. `device_models`: of each rank; `placement`: a text for each, for
  /// job.json.
  void begin_attempt(const RankDevice& device, const std::vector<std::string>& device_models,
                     const std::vector<std::string>& placement, const MpiSession& mpi, const Log& log);

  std::unique_ptr<Coordinator> make_coordinator(int num_ranks) const;
  /// Which job this is, for --metrics. After begin_attempt().
  MetricLabels labels() const;
  /// Samples that this attempt has to make.
  int64_t num_missing() const { return counts_.missing(); }

  /// Nothing for a part.
  std::optional<IndexResult> write_index(const JobCounts& counts, const Log& log);
  /// `per_rank`: JSON of each rank, for job.json.
  void end_attempt(const std::string& ended_by, const JobCounts& counts, double seconds_per_cost,
                   const std::vector<std::string>& per_rank);

 private:
  std::optional<JobRecord> read_record() const;
  void read_samples(const SamplingDefaults& defaults, const Log& log);
  void compare_with_before() const;
  void compare_with_other_parts() const;
  std::vector<PendingSamples> count_samples();
  void check_shard_names() const;
  bool is_ours(int64_t shard) const;
  void remove_leftovers() const;

  Options options_;
  JobClock::time_point start_;
  Mesh mesh_;
  Part part_;
  std::optional<double> time_limit_s_;
  ImageFormat image_format_;
  FluxDescription model_;
  uint64_t model_bytes_ = 0;
  GenerateSettings settings_;
  JobSamples samples_;
  JobRecord record_;
  std::optional<JobRecord> before_;
  std::optional<OutputLock> lock_;
  ScratchFile scratch_{"samples"};  // the samples, until the output may be touched
  KnownStatus known_;
  JobCounts counts_;
};

}  // namespace ditmesh
