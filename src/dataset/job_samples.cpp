#include "ditmesh/dataset/job_samples.hpp"

#include <optional>
#include <utility>

#include "ditmesh/dataset/sample_store.hpp"

namespace ditmesh {

namespace {

// Each row goes through as it comes: to samples, into the store and into the plan.
class SampleSink : public ManifestSink {
 public:
  SampleSink(const SamplingDefaults& defaults, std::filesystem::path store_path)
      : images_per_prompt_(defaults.images_per_prompt),
        store_path_(std::move(store_path)),
        maker_(defaults),
        writer_(store_path_) {}

  void add(const ManifestRow& row, int64_t number) override { maker_.add(row, number, emit_); }

  void finish(const std::vector<std::string>& further_columns) override { writer_.finish(further_columns); }

  std::string id(int64_t number) override {
    if (!store_) store_.emplace(store_path_);
    return store_->sample(number * images_per_prompt_).id;
  }

  JobSamples with(ManifestInfo manifest, const PlanOptions& options) {
    JobSamples job;
    job.manifest = std::move(manifest);
    job.counts = maker_.finish();
    job.sizes = std::move(sizes_);
    job.plan = builder_.finish(options);
    return job;
  }

 private:
  void take(const Sample& sample) {
    writer_.add(sample);
    builder_.add(sample);
    if (builder_.num_buckets() > sizes_.size()) {
      sizes_.push_back({sample.height, sample.width, sample.row, sample.id});
    }
  }

  int64_t images_per_prompt_;
  std::filesystem::path store_path_;
  SampleMaker maker_;
  SampleStoreWriter writer_;
  PlanBuilder builder_;
  std::vector<UsedSize> sizes_;
  std::optional<SampleStore> store_;
  SampleMaker::Emit emit_ = [this](const Sample& sample) { take(sample); };
};

}  // namespace

JobSamples read_job_samples(const PromptSource& source, const ManifestOptions& manifest_options,
                            const SamplingDefaults& defaults, const PlanOptions& plan_options,
                            const std::filesystem::path& store_path) {
  SampleSink sink(defaults, store_path);
  try {
    ManifestInfo manifest = source.path.empty() ? read_prompts(source.prompts, manifest_options, sink)
                                                : read_manifest(source.path, manifest_options, sink);
    return sink.with(std::move(manifest), plan_options);
  } catch (...) {
    std::error_code ignored;  // the first error counts
    std::filesystem::remove(store_path, ignored);
    throw;
  }
}

}  // namespace ditmesh
