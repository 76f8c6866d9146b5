#include "ditmesh/dataset/sample.hpp"

#include <ostream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr uint64_t kNumSeeds = uint64_t{1} << 32;

void check_at_least_1(const char* option, int64_t value) {
  if (value < 1) throw ConfigError(cat(option, " must be at least 1, found ", value), "correct it");
}

void check_defaults(const SamplingDefaults& defaults) {
  check_at_least_1("--height", defaults.height);
  check_at_least_1("--width", defaults.width);
  check_at_least_1("--steps", defaults.steps);
  check_at_least_1("--images-per-prompt", defaults.images_per_prompt);
  // Written so that NaN is refused too.
  if (!(defaults.guidance >= 0))
    throw ConfigError(cat("--guidance must be at least 0, found ", defaults.guidance));
  if (!(defaults.true_cfg >= 0))
    throw ConfigError(cat("--true-cfg must be at least 0, found ", defaults.true_cfg));
}

}  // namespace

std::string_view to_string(SampleStatus status) {
  switch (status) {
    case SampleStatus::missing:
      return "missing";
    case SampleStatus::done:
      return "done";
    case SampleStatus::failed:
      return "failed";
  }
  throw InternalError(cat("a sample has the status ", static_cast<int>(status)));
}

std::ostream& operator<<(std::ostream& out, SampleStatus status) { return out << to_string(status); }

SampleList make_samples(const Manifest& manifest, const SamplingDefaults& defaults) {
  check_defaults(defaults);
  SampleList list;
  list.further_columns = manifest.further_columns;
  list.samples.reserve(manifest.rows.size() * static_cast<size_t>(defaults.images_per_prompt));
  for (int64_t number = 0; number < static_cast<int64_t>(manifest.rows.size()); ++number) {
    const ManifestRow& row = manifest.rows[static_cast<size_t>(number)];
    Sample sample;
    sample.row = number;
    sample.id = manifest.id(number);
    sample.prompt = row.prompt;
    sample.negative_prompt = row.negative_prompt.empty() ? defaults.negative_prompt : row.negative_prompt;
    sample.height = row.height.value_or(defaults.height);
    sample.width = row.width.value_or(defaults.width);
    sample.steps = row.steps.value_or(defaults.steps);
    sample.guidance = row.guidance.value_or(defaults.guidance);
    sample.true_cfg = row.true_cfg.value_or(defaults.true_cfg);
    sample.further = row.further;
    sample.further.resize(list.further_columns.size());
    if (row.seed && *row.seed >= kNumSeeds) {
      sample.seed_in_manifest = row.seed;
      ++list.num_reduced_seeds;
    }
    if (!row.negative_prompt.empty() && !sample.uses_true_cfg()) ++list.num_unused_negative_prompts;
    for (int32_t copy = 0; copy < defaults.images_per_prompt; ++copy) {
      sample.copy = copy;
      sample.seed =
          row.seed ? static_cast<int64_t>((*row.seed % kNumSeeds + static_cast<uint64_t>(copy)) % kNumSeeds)
                   : derived_seed(defaults.seed, sample.id, copy);
      list.samples.push_back(sample);
    }
  }
  return list;
}

int64_t derived_seed(uint64_t job_seed, std::string_view id, int32_t copy) {
  Sha256 hash;
  hash.update(Json::array({job_seed, id, copy}).dump());
  const auto digest = hash.digest();
  uint32_t seed = 0;
  for (size_t i = 0; i < 4; ++i) seed = seed << 8 | digest[i];
  return seed;
}

}  // namespace ditmesh
