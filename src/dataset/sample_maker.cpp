#include "ditmesh/dataset/sample_maker.hpp"

#include <algorithm>
#include <bit>
#include <compare>
#include <string>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "hash_parts.hpp"

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

// See derived_seed(): its hash and text, kept from one call to the next.
class SeedDeriver {
 public:
  int64_t seed(uint64_t job_seed, std::string_view id, int32_t copy) {
    text_ = '[';
    text_ += std::to_string(job_seed);
    text_ += ',';
    append_json(id);
    text_ += ',';
    text_ += std::to_string(copy);
    text_ += ']';
    hash_.restart();
    hash_.update(text_);
    const auto digest = hash_.digest();
    uint32_t seed = 0;
    for (size_t i = 0; i < 4; ++i) seed = seed << 8 | digest[i];
    return seed;
  }

 private:
  void append_json(std::string_view id) {
    const auto stands_for_itself = [](char c) { return c >= ' ' && c != '"' && c != '\\'; };
    if (std::all_of(id.begin(), id.end(), stands_for_itself)) {
      text_ += '"';
      text_ += id;
      text_ += '"';
    } else {
      text_ += Json(id).dump();
    }
  }

  Sha256 hash_;
  std::string text_;
};

uint64_t hash_number(float value) { return std::bit_cast<uint32_t>(value); }

// Of everything in a sample that its copies share and that the picture depends on.
uint64_t hash_of_row(const Sample& sample) {
  uint64_t hash = hash_text(sample.prompt);
  if (sample.uses_true_cfg()) hash = mix_hash(hash, hash_text(sample.negative_prompt));
  hash = mix_hash(hash, static_cast<uint64_t>(sample.height) << 32 | static_cast<uint32_t>(sample.width));
  hash = mix_hash(hash, static_cast<uint64_t>(sample.steps));
  return mix_hash(hash, hash_number(sample.guidance) << 32 | hash_number(sample.true_cfg));
}

}  // namespace

struct SampleMaker::State {
  struct Entry {
    uint64_t hash = 0;
    auto operator<=>(const Entry&) const = default;
  };
  SeedDeriver seeds;
  HashParts<Entry> pictures;
};

SampleMaker::SampleMaker(SamplingDefaults defaults)
    : defaults_(std::move(defaults)), state_(std::make_unique<State>()) {
  check_defaults(defaults_);
}

SampleMaker::~SampleMaker() = default;

void SampleMaker::add(const ManifestRow& row, int64_t number, const Emit& emit) {
  sample_.row = number;
  if (row.id.empty()) {
    sample_.id = std::to_string(number);
  } else {
    sample_.id = row.id;
  }
  sample_.prompt = row.prompt;
  sample_.negative_prompt = row.negative_prompt.empty() ? defaults_.negative_prompt : row.negative_prompt;
  sample_.height = row.height.value_or(defaults_.height);
  sample_.width = row.width.value_or(defaults_.width);
  sample_.steps = row.steps.value_or(defaults_.steps);
  sample_.guidance = row.guidance.value_or(defaults_.guidance);
  sample_.true_cfg = row.true_cfg.value_or(defaults_.true_cfg);
  sample_.further = row.further;
  sample_.seed_in_manifest.reset();
  if (row.seed && *row.seed >= kNumSeeds) {
    sample_.seed_in_manifest = row.seed;
    ++counts_.num_reduced_seeds;
  }
  if (!row.negative_prompt.empty() && !sample_.uses_true_cfg()) ++counts_.num_unused_negative_prompts;
  const uint64_t hash = hash_of_row(sample_);
  for (int32_t copy = 0; copy < defaults_.images_per_prompt; ++copy) {
    sample_.copy = copy;
    sample_.seed =
        row.seed ? static_cast<int64_t>((*row.seed % kNumSeeds + static_cast<uint64_t>(copy)) % kNumSeeds)
                 : state_->seeds.seed(defaults_.seed, sample_.id, copy);
    state_->pictures.add({mix_hash(hash, static_cast<uint64_t>(sample_.seed))});
    emit(sample_);
  }
}

SampleCounts SampleMaker::finish() {
  state_->pictures.take_runs([&](auto begin, auto end) { counts_.num_duplicates += end - begin - 1; });
  return counts_;
}

SampleList make_samples(const Manifest& manifest, const SamplingDefaults& defaults, SampleCounts* counts) {
  SampleMaker maker(defaults);
  std::vector<Sample> samples;
  int64_t number = 0;
  for (const ManifestRow& row : manifest.rows) {
    maker.add(row, number++, [&](const Sample& sample) { samples.push_back(sample); });
  }
  if (counts != nullptr) *counts = maker.finish();
  return SampleList(std::move(samples), manifest.further_columns);
}

int64_t derived_seed(uint64_t job_seed, std::string_view id, int32_t copy) {
  return SeedDeriver().seed(job_seed, id, copy);
}

}  // namespace ditmesh
