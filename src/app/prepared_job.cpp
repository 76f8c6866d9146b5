#include "prepared_job.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "ditmesh/base/utc_time.hpp"
#include "forecast.hpp"
#include "generate_options.hpp"
#include "job_coordinator.hpp"
#include "rank_errors.hpp"
#include "version.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

// Samples whose prompts a rank encodes together; with --text-encoder release their number decides how often
// the encoders' weights are read.
constexpr int64_t kAhead = 64;
constexpr int64_t kAheadOfRelease = 4096;

// What is planned for other meshes is not run yet.
void check_is_run(const Options& options, const Mesh& mesh) {
  if (options.flag("dry-run")) return;
  if (mesh.inner_size() != 1) {
    throw ConfigError(cat("--mesh ", options.text("mesh"), ": this version makes each picture on one rank"),
                      cat("use --mesh data=", mesh.size(), " or --mesh auto; --dry-run plans other meshes"));
  }
  for (const char* name : {"cluster", "placement", "stages"}) {
    if (options.has(name))
      throw ConfigError(cat("--", name, " only goes with --dry-run in this version"), "leave it out");
  }
  if (options.integer("patches") > 1)
    throw ConfigError("--patches above 1 only goes with --dry-run in this version", "leave it out");
}

Mesh choose_mesh(const Options& options, int num_ranks) {
  const std::string& text = options.text("mesh");
  const bool may_leave_some = options.flag("dry-run");
  const Mesh mesh = Mesh::parse(text == "auto" ? cat("data=", num_ranks) : text, num_ranks,
                                may_leave_some ? Mesh::Ranks::up_to : Mesh::Ranks::all);
  check_is_run(options, mesh);
  return mesh;
}

SamplingDefaults sampling_defaults(const Options& options, const FluxDescription& model) {
  SamplingDefaults defaults;
  defaults.height = static_cast<int32_t>(options.integer("height"));
  defaults.width = static_cast<int32_t>(options.integer("width"));
  defaults.steps =
      options.has("steps") ? static_cast<int32_t>(options.integer("steps")) : model.default_steps();
  defaults.guidance = static_cast<float>(options.number("guidance"));
  defaults.true_cfg = static_cast<float>(options.number("true-cfg"));
  if (options.has("negative-prompt")) defaults.negative_prompt = options.text("negative-prompt");
  defaults.seed = options.seed("seed");
  defaults.images_per_prompt = static_cast<int32_t>(options.integer("images-per-prompt"));
  return defaults;
}

PromptSource prompt_source(const Options& options) {
  if (options.has("prompts") == options.has("prompt")) {
    throw ConfigError(
        options.has("prompt") ? "--prompts and --prompt are both given" : "there are no prompts",
        "give a manifest with --prompts FILE, or prompts with --prompt TEXT");
  }
  PromptSource source;
  if (options.has("prompt")) {
    source.prompts = options.texts("prompt");
  } else {
    source.path = options.text("prompts");
  }
  return source;
}

void tell_about(const JobSamples& samples, const Log& log) {
  const ManifestInfo& manifest = samples.manifest;
  if (manifest.num_blank_lines > 0)
    log.info(cat(manifest.name, ": ", counted(manifest.num_blank_lines, "blank line"), " skipped"));
  if (samples.counts.num_reduced_seeds > 0) {
    log.warning(cat(manifest.name, ": ", counted(samples.counts.num_reduced_seeds, "seed"),
                    " above 4294967295 taken modulo 2^32; the column seed_in_manifest keeps them"));
  }
  if (samples.counts.num_unused_negative_prompts > 0) {
    log.warning(
        cat(manifest.name, ": ", counted(samples.counts.num_unused_negative_prompts, "row"),
            " with a negative prompt that is not used, because the true CFG is not above 1 (--true-cfg)"));
  }
  if (samples.counts.num_duplicates > 0) {
    log.warning(cat(manifest.name, ": ", counted(samples.counts.num_duplicates, "sample"),
                    " with the prompt, seed and settings of an earlier one: the pictures will be the same"));
  }
}

}  // namespace

PreparedJob::PreparedJob(const Options& options, int num_ranks, JobClock::time_point start, const Log& log)
    : options_(options), start_(start), mesh_(choose_mesh(options, num_ranks)) {
  for (const char* name : {"output", "model"}) {
    if (find_invalid_utf8(options.text(name)))
      throw ConfigError(cat("--", name, " must be valid UTF-8"), "rename it");
  }
  if (options.has("part")) part_ = Part::parse(options.text("part"));
  image_format_ = ImageFormat::parse(options.text("image-format"));
  if (options.has("time-limit")) time_limit_s_ = parse_duration("time-limit", options.text("time-limit"));
  const fs::path output = options.text("output");
  check_output(output, part_);
  if (options.has("metrics")) check_metrics_path(options.text("metrics"), output);
  before_ = read_record();
  if (before_ && !options.has("threads") && before_->numerics.contains("threads")) {
    options_.set("threads", {{before_->numerics.at("threads").dump()}, Origin::fallback});
  }

  model_ = read_flux_folder(options.text("model"), find_model(options.text("model")));
  const int64_t max_sequence_length = options.has("max-sequence-length")
                                          ? options.integer("max-sequence-length")
                                          : model_.default_max_sequence_length();
  if (max_sequence_length > model_.t5_max_length) {
    log.warning(cat("--max-sequence-length ", max_sequence_length, " is more than the ", model_.t5_max_length,
                    " tokens of the model's tokenizer_2: it was not trained so, pictures can be worse"));
  }
  const SamplingDefaults defaults = sampling_defaults(options, model_);
  read_samples(defaults, log);

  model_bytes_ = check_flux_folder(model_);
  record_.part = part_;
  record_.model_name = model_.name;
  record_.model_hash = model_hash(model_);
  record_.sampling = {{"height", defaults.height},
                      {"width", defaults.width},
                      {"steps", defaults.steps},
                      {"guidance", defaults.guidance},
                      {"true_cfg", defaults.true_cfg},
                      {"negative_prompt", defaults.negative_prompt},
                      {"seed", defaults.seed},
                      {"images_per_prompt", defaults.images_per_prompt},
                      {"max_sequence_length", max_sequence_length}};
  record_.image_format = image_format_.to_string();
  record_.save_latents = options.flag("save-latents");
  record_.mesh = mesh_.to_string();
  compare_with_before();
  if (before_) record_.extended_at = before_->extended_at;
  if (before_ && manifest_change(*before_, record_) == ManifestChange::grown)
    record_.extended_at.push_back(before_->num_samples);

  settings_.options = options_;
  settings_.model_folder = *model_.folder;
  settings_.max_sequence_length = max_sequence_length;
}

// Of the attempts before; the first one at a part must agree with the other parts.
std::optional<JobRecord> PreparedJob::read_record() const {
  const fs::path output = options_.text("output");
  if (auto own = JobRecord::read(output, part_)) return own;
  if (part_.is_whole()) return std::nullopt;
  const auto others = read_job_records(output);
  return others.empty() ? std::nullopt : std::optional(others.front());
}

void PreparedJob::read_samples(const SamplingDefaults& defaults, const Log& log) {
  ManifestOptions manifest_options;
  if (options_.has("prompt-column")) manifest_options.prompt_column = options_.text("prompt-column");
  if (options_.has("limit")) manifest_options.limit = options_.integer("limit");
  PlanOptions plan_options;
  plan_options.batch = options_.integer("batch");
  if (options_.has("shard-size")) plan_options.shard_size = options_.integer("shard-size");
  if (before_) {
    if (!options_.has("shard-size")) plan_options.shard_size = before_->shard_size;
    plan_options.extended_at = before_->extended_at;
    if (options_.flag("extend")) {
      manifest_options.older = {before_->manifest_num_rows, before_->manifest_rows_sha256};
      plan_options.extended_at.push_back(before_->num_samples);
    }
  }
  samples_ =
      read_job_samples(prompt_source(options_), manifest_options, defaults, plan_options, scratch_.path());
  tell_about(samples_, log);
  for (const UsedSize& size : samples_.sizes) {
    try {
      model_.check_size(size.height, size.width);
      image_format_.check_size(size.height, size.width);
    } catch (const ConfigError& error) {
      throw ConfigError(cat("row ", size.row, " (id ", size.id, "): ", error.what()));
    }
  }
  record_.manifest_name = samples_.manifest.name;
  record_.manifest_sha256 = samples_.manifest.sha256;
  record_.manifest_rows_sha256 = samples_.manifest.rows_sha256;
  record_.manifest_num_rows = samples_.manifest.num_rows;
  record_.num_samples = samples_.plan.num_samples();
  record_.shard_size = plan_options.shard_size;
}

void PreparedJob::compare_with_before() const {
  if (!before_) {
    if (!options_.flag("extend")) return;
    throw ConfigError(cat("--extend: there is no dataset in ", options_.text("output"), " to extend"),
                      "leave the option out");
  }
  const auto differences = sampling_differences(*before_, record_);
  if (!differences.empty()) throw other_sampling_error(options_.text("output"), differences);
  const ManifestChange change = manifest_change(*before_, record_);
  const bool is_extended =
      change == ManifestChange::grown && options_.flag("extend") && samples_.manifest.extends_older;
  if (change != ManifestChange::none && !is_extended)
    throw other_manifest_error(options_.text("output"), *before_, record_);
}

std::string PreparedJob::describe() const {
  const Plan& plan = samples_.plan;
  std::string text = cat(counted(plan.num_samples(), "picture"), " from ", samples_.manifest.name, " with ",
                         model_.name, "\n");
  for (const Bucket& bucket : plan.buckets) {
    const auto size = static_cast<int64_t>(bucket.samples.size());
    text += cat("  ", bucket.name(), ": ", counted(size, "picture"), ", ",
                human_bytes(static_cast<uint64_t>(size) * 3 * static_cast<uint64_t>(bucket.height) *
                            static_cast<uint64_t>(bucket.width)),
                " of pixels\n");
  }
  if (!image_format_.is_raw()) text += cat("  stored as ", image_format_, "\n");
  text += cat("  ", counted(static_cast<int64_t>(plan.shards.size()), "shard"), ", batches of at most ",
              options_.integer("batch"), "\n  ", human_bytes(model_bytes_), " of weight files\n");
  if (!part_.is_whole()) {
    text += cat("  ", part_, " makes ", counted(counts_.total, "picture"), " of them in ",
                counted(static_cast<int64_t>(record_.shards.size()), "shard"), "\n");
  }
  if (before_) {
    text +=
        cat("  goes on with ", options_.text("output"), " (",
            counted(static_cast<int64_t>(before_->attempts.size()), "attempt"), " before): ", counts_.done,
            " done, ", counts_.failed, " failed, ", num_missing(), " to be made\n");
  }
  for (const std::string& owner : lock_owners(options_.text("output")))
    text += cat("  a job writes there now: ", owner, "\n");
  return text;
}

std::string PreparedJob::forecast(const Cluster& cluster, int num_ranks) const {
  const auto is_open = [this](int64_t sample) {
    return known_.samples[static_cast<size_t>(sample)] == SampleStatus::missing;
  };
  const std::string text = ditmesh::forecast(
      {options_, model_, settings_.max_sequence_length, samples_.plan, is_open, num_ranks, cluster});
  if (options_.text("mesh") == "auto" || mesh_.inner_size() == 1) return text;
  return text + "this version makes each picture on one rank: without --dry-run it refuses this mesh\n";
}

void PreparedJob::open_output(const Log& log) {
  lock_.emplace(options_.text("output"), part_, log);
  // What was compared may be older than the lock: another job may have come in between.
  const auto compared = std::exchange(before_, read_record());
  if (before_.has_value() != compared.has_value() ||
      (before_ &&
       (before_->extended_at != compared->extended_at || before_->num_samples != compared->num_samples))) {
    throw ConfigError(cat("another job wrote to ", options_.text("output"), " while this one was prepared"),
                      "start this one again: it then compares its settings with that job's");
  }
  compare_with_before();
  look_at_output(log);
}

void PreparedJob::look_at_output(const Log& log) {
  const fs::path output = options_.text("output");
  if (before_ && before_->part == part_) record_.attempts = before_->attempts;
  check_shard_names();
  settings_.attempt = record_.next_attempt();
  settings_.samples =
      output / "journal" /
      cat("samples", part_.is_whole() ? "" : ".", part_.label(), ".attempt-", settings_.attempt);
  known_ = known_status(output, samples_.plan, log, [this](int64_t shard) { return is_ours(shard); });
  if (options_.flag("retry-failed")) {
    std::replace(known_.samples.begin(), known_.samples.end(), SampleStatus::failed, SampleStatus::missing);
  }
  const auto pending = count_samples();
  settings_.has_work = !pending.empty();
  if (settings_.has_work) {
    check_space(output,
                estimate_bytes(pending, image_format_, record_.save_latents ? model_.vae.latent_channels : 0),
                log);
  }
}

// What of this part is done, and what not.
std::vector<PendingSamples> PreparedJob::count_samples() {
  const Plan& plan = samples_.plan;
  std::vector<PendingSamples> pending;
  for (int64_t shard = 0; shard < static_cast<int64_t>(plan.shards.size()); ++shard) {
    if (!is_ours(shard)) continue;
    const Shard& range = plan.shards[static_cast<size_t>(shard)];
    const Bucket& bucket = plan.buckets[static_cast<size_t>(range.bucket)];
    record_.shards.push_back({range.name, range.size()});
    PendingSamples missing{bucket.height, bucket.width, 0, range.size()};
    for (const int64_t sample : plan.samples_of(shard)) {
      const SampleStatus status = known_.samples[static_cast<size_t>(sample)];
      ++counts_.total;
      if (status == SampleStatus::done) ++counts_.done;
      if (status == SampleStatus::failed) ++counts_.failed;
      if (status == SampleStatus::missing) ++missing.num_samples;
    }
    if (missing.num_samples > 0) pending.push_back(missing);
  }
  counts_.done_before = counts_.done;
  counts_.failed_before = counts_.failed;
  return pending;
}

// A file that no part of this job makes would come to light only in the index, when all work is done.
void PreparedJob::check_shard_names() const {
  std::set<std::string> planned;
  for (const Shard& shard : samples_.plan.shards) planned.insert(shard.name);
  for (const std::string& name : shard_names(options_.text("output"))) {
    if (planned.contains(name)) continue;
    throw ConfigError(
        cat(fs::path(options_.text("output")) / "shards" / (name + ".h5"), " is no shard of this job"),
        "move it away");
  }
}

bool PreparedJob::is_ours(int64_t shard) const { return in_part(shard, part_.index, part_.count); }

// Parts that begin at the same time have nothing before them to be compared with, but each other.
void PreparedJob::compare_with_other_parts() const {
  const fs::path output = options_.text("output");
  for (const JobRecord& other : read_job_records(output)) {
    if (other.part == part_) continue;
    const auto differences = sampling_differences(other, record_);
    if (!differences.empty()) throw other_sampling_error(output, differences);
    if (!manifests_agree(other, record_)) throw other_manifest_error(output, other, record_);
  }
}

void PreparedJob::begin_attempt(const RankDevice& device, const std::vector<std::string>& device_models,
                                const std::vector<std::string>& placement, const MpiSession& mpi,
                                const Log& log) {
  const bool may_differ = options_.flag("allow-different-numerics");
  const bool may_mix = may_differ || options_.flag("allow-mixed-devices");
  for (size_t rank = 1; rank < device_models.size() && !may_mix; ++rank) {
    if (device_models[rank] == device_models[0]) continue;
    throw ConfigError(
        cat("the ranks' devices are of different models: ", device_models[0], " on ", mpi.host_of(0), ", ",
            device_models[rank], " on ", mpi.host_of(static_cast<int>(rank)),
            "; a picture's bits would depend on which rank makes it"),
        "start the job on devices of one model, or give --allow-mixed-devices: job.json then says so");
  }
  const std::set<std::string> models(device_models.begin(), device_models.end());
  record_.numerics = {{"device", join(std::vector(models.begin(), models.end()), " + ")},
                      {"dtype", device.dtype_name()},
                      {"noise_dtype", options_.text("noise-dtype")},
                      {"threads", device.threads()},
                      {"batch", device.batch(options_.integer("batch"))},
                      {"inner_mesh", mesh_.with(Axis::data, 1).to_string()}};
  if (before_ && !may_differ) {
    const auto differences = numerics_differences(*before_, record_);
    if (!differences.empty()) throw other_numerics_error(options_.text("output"), differences);
  }
  const fs::path output = options_.text("output");
  create_folders(output / "shards");
  create_folders(output / "journal");
  std::set<std::string> hosts;
  for (int rank = 0; rank < mpi.size(); ++rank) hosts.insert(mpi.host_of(rank));
  record_.settings = options_.to_json();
  record_.versions = {{"ditmesh", version()}, {"commit", git_commit()}, {"all", build_versions()}};
  record_.set_attempt({{"number", settings_.attempt},
                       {"started", utc_now()},
                       {"ranks", mpi.size()},
                       {"hosts", hosts},
                       {"placement", placement},
                       {"done_before", counts_.done_before},
                       {"allow_different_numerics", may_differ},
                       {"numerics", record_.numerics}});
  // First of all files: whatever a crash leaves, it says whose it is.
  lock_->alone([&] {
    compare_with_other_parts();
    record_.write(output);
  });
  remove_leftovers();
  // Not renamed: scratch may be on another file system.
  fs::copy_file(scratch_.path(), settings_.samples, fs::copy_options::overwrite_existing);
  scratch_.remove();
  log.info(cat(counted(counts_.total, "picture"), " with ", model_.name, " on ", counted(mpi.size(), "rank"),
               " (", device.describe(), ")",
               counts_.done > 0 ? cat(", ", counts_.done, " of them there already") : std::string()));
}

// What attempts that crashed left: their samples, and shards that they did not finish. Another part's stay.
void PreparedJob::remove_leftovers() const {
  const std::string name = settings_.samples.filename().string();
  const std::string prefix = name.substr(0, name.rfind('-') + 1);
  for (const auto& file : fs::directory_iterator(settings_.samples.parent_path())) {
    const std::string file_name = file.path().filename().string();
    const bool is_probe = part_.is_whole() && file_name.starts_with(kProbePrefix);
    if (is_probe || file_name.starts_with(prefix)) fs::remove(file.path());
  }
  std::set<std::string> ours;
  for (const RecordedShard& shard : record_.shards) ours.insert(shard.name);
  for (const auto& file : fs::directory_iterator(fs::path(options_.text("output")) / "shards")) {
    const std::string file_name = file.path().filename().string();
    if (file.path().extension() == ".tmp" && ours.contains(file_name.substr(0, file_name.find('.')))) {
      fs::remove(file.path());
    }
  }
}

std::unique_ptr<Coordinator> PreparedJob::make_coordinator(int num_ranks) const {
  CoordinatorOptions options;
  options.num_ranks = num_ranks;
  if (time_limit_s_) options.time_limit = std::chrono::duration<double>(*time_limit_s_);
  for (const OrderedJson& attempt : record_.attempts) {
    // One that crashed has none.
    options.seconds_per_cost = attempt.value("seconds_per_cost", options.seconds_per_cost);
  }
  options.ahead = options_.text("text-encoder") == "release" ? kAheadOfRelease : kAhead;
  return ditmesh::make_coordinator(samples_.plan, known_, part_, counts_, options, start_);
}

MetricLabels PreparedJob::labels() const {
  return {{"output", options_.text("output")},
          {"part", part_.is_whole() ? std::string() : cat(part_.index, '/', part_.count)},
          {"attempt", cat(settings_.attempt)},
          {"model", model_.name},
          {"mesh", mesh_.to_string()},
          {"device", record_.numerics.value("device", "")},
          {"version", version()}};
}

std::optional<IndexResult> PreparedJob::write_index(const JobCounts& counts, const Log& log) {
  // Parts end at different times: `ditmesh index` joins them.
  if (!part_.is_whole()) return std::nullopt;
  const IndexResult index = ditmesh::write_index(options_.text("output"), {}, log);
  if (index.counts.done != counts.done || index.counts.failed != counts.failed) {
    throw EnvironmentError(
        cat("the shards hold ", index.counts, ", the job made ", counts.done, " and ", counts.failed,
            " failed: files of ", options_.text("output"), " went away while it ran"),
        "start the same command again, it makes what is missing");
  }
  record_.content_hash = index.content_hash;
  return index;
}

void PreparedJob::end_attempt(const std::string& ended_by, const JobCounts& counts, double seconds_per_cost,
                              const std::vector<std::string>& per_rank) {
  OrderedJson attempt = record_.attempts.back();
  attempt["ended"] = utc_now();
  attempt["ended_by"] = ended_by;
  attempt["made"] = counts.done - counts.done_before;
  attempt["seconds_per_cost"] = seconds_per_cost;
  attempt["per_rank"] = OrderedJson::array();
  for (const std::string& rank : per_rank) attempt["per_rank"].push_back(OrderedJson::parse(rank));
  record_.set_attempt(attempt);
  std::error_code ignored;
  fs::remove(settings_.samples, ignored);
  record_.write(options_.text("output"));
}

}  // namespace ditmesh
