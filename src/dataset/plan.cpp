#include "ditmesh/dataset/plan.hpp"

#include <algorithm>
#include <iomanip>
#include <limits>
#include <ostream>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr int64_t kMinDefaultShardSize = 1000;

int64_t shard_size_of(const Bucket& bucket, int64_t num_samples, int64_t wanted) {
  const int64_t image_bytes = int64_t{bucket.height} * bucket.width * 3;
  const int64_t most = std::max<int64_t>(1, kMaxShardBytes / image_bytes);
  if (wanted > most) {
    throw ConfigError(cat("a shard holds at most ", human_bytes(kMaxShardBytes), " of pixels, --shard-size ",
                          wanted, " at ", bucket.name(), " makes ",
                          human_bytes(static_cast<uint64_t>(wanted) * static_cast<uint64_t>(image_bytes))),
                      cat("use --shard-size ", most, " or less"));
  }
  if (wanted > 0) return wanted;
  return std::min(most,
                  std::max(kMinDefaultShardSize, (num_samples + kMaxVirtualShards - 1) / kMaxVirtualShards));
}

void check_options(const PlanOptions& options, int64_t num_samples) {
  if (options.batch < 1)
    throw ConfigError(cat("--batch must be at least 1, found ", options.batch), "correct it");
  if (options.shard_size < 0) {
    throw ConfigError(cat("--shard-size must be at least 1, found ", options.shard_size),
                      "leave it out for the default");
  }
  int64_t before = 0;
  for (const int64_t size : options.extended_at) {
    if (size < before || size > num_samples) {
      throw ConfigError(
          cat("the manifest gives ", counted(num_samples, "sample"),
              " now, but the dataset was extended (--extend) at ", join(options.extended_at, ", ")),
          "give the whole manifest and the job's --images-per-prompt, or choose another --output");
    }
    before = size;
  }
}

}  // namespace

std::string Bucket::name() const { return cat(height, "x", width); }

int64_t Plan::sample_at(int64_t shard, int64_t position) const {
  const Shard& range = shards.at(static_cast<size_t>(shard));
  if (position < 0 || position >= range.size()) {
    throw InternalError(cat("position ", position, " was asked of a shard of ", range.size(), " samples"));
  }
  return buckets[static_cast<size_t>(range.bucket)].samples[static_cast<size_t>(range.begin + position)];
}

std::span<const int64_t> Plan::samples_of(int64_t shard) const {
  const Shard& range = shards.at(static_cast<size_t>(shard));
  return std::span(buckets[static_cast<size_t>(range.bucket)].samples)
      .subspan(static_cast<size_t>(range.begin), static_cast<size_t>(range.size()));
}

std::vector<WorkUnit> Plan::units(int64_t shard, const IsOpen& is_open) const {
  std::vector<WorkUnit> units;
  int64_t position = -1;
  for (const int64_t sample : samples_of(shard)) {
    ++position;
    if (is_open && !is_open(sample)) continue;
    const SampleKind kind = kinds[kind_of_sample[static_cast<size_t>(sample)]];
    if (units.empty() || units.back().size() == batch ||
        kind != SampleKind{units.back().steps, units.back().true_cfg}) {
      units.push_back({shard, {}, kind.steps, kind.uses_true_cfg});
    }
    units.back().positions.push_back(position);
  }
  return units;
}

double Plan::cost(const WorkUnit& unit) const {
  const Bucket& bucket = buckets[static_cast<size_t>(shards.at(static_cast<size_t>(unit.shard)).bucket)];
  return static_cast<double>(bucket.height) * bucket.width * unit.steps * (unit.true_cfg ? 2 : 1) *
         static_cast<double>(unit.size());
}

void PlanBuilder::add(int32_t height, int32_t width, int32_t steps, bool uses_true_cfg) {
  const int64_t sample = plan_.num_samples();
  plan_.buckets[bucket_of(height, width)].samples.push_back(sample);
  plan_.kind_of_sample.push_back(kind_of({steps, uses_true_cfg}));
}

size_t PlanBuilder::bucket_of(int32_t height, int32_t width) {
  const auto [place, is_new] = bucket_by_size_.try_emplace({height, width}, plan_.buckets.size());
  if (is_new) plan_.buckets.push_back({height, width, {}});
  return place->second;
}

uint16_t PlanBuilder::kind_of(SampleKind kind) {
  const auto [place, is_new] = number_by_kind_.try_emplace(kind, static_cast<uint16_t>(plan_.kinds.size()));
  if (is_new) {
    // A manifest has at most 10,000 different numbers of steps, with and without true CFG.
    if (plan_.kinds.size() > std::numeric_limits<uint16_t>::max()) {
      throw InternalError(cat("a job has more than ", plan_.kinds.size(), " kinds of samples"));
    }
    plan_.kinds.push_back(kind);
  }
  return place->second;
}

Plan PlanBuilder::finish(const PlanOptions& options) {
  check_options(options, plan_.num_samples());
  plan_.batch = options.batch;
  std::vector<int64_t> ends = options.extended_at;
  ends.push_back(plan_.num_samples());
  std::vector<int64_t> num_shards(plan_.buckets.size());  // so far, of each bucket
  std::vector<int64_t> begins(plan_.buckets.size());      // of what is not in shards yet
  for (const int64_t end_sample : ends) {
    for (size_t b = 0; b < plan_.buckets.size(); ++b) {
      const Bucket& bucket = plan_.buckets[b];
      const int64_t end =
          std::lower_bound(bucket.samples.begin(), bucket.samples.end(), end_sample) - bucket.samples.begin();
      const int64_t shard_size = shard_size_of(bucket, end_sample, options.shard_size);
      for (; begins[b] < end; begins[b] = plan_.shards.back().end) {
        plan_.shards.push_back({static_cast<int64_t>(b), begins[b], std::min(end, begins[b] + shard_size),
                                cat(bucket.name(), "-", std::setw(6), std::setfill('0'), num_shards[b]++)});
      }
    }
  }
  return std::move(plan_);
}

Plan make_plan(const SampleSource& samples, const PlanOptions& options) {
  PlanBuilder builder;
  for (int64_t i = 0; i < samples.size(); ++i) builder.add(samples.sample(i));
  return builder.finish(options);
}

std::vector<SamplePlace> sample_places(const Plan& plan) {
  std::vector<SamplePlace> places(static_cast<size_t>(plan.num_samples()));
  for (size_t shard = 0; shard < plan.shards.size(); ++shard) {
    for (int64_t position = 0; position < plan.shards[shard].size(); ++position) {
      const int64_t sample = plan.sample_at(static_cast<int64_t>(shard), position);
      places.at(static_cast<size_t>(sample)) = {static_cast<int64_t>(shard), position};
    }
  }
  return places;
}

std::ostream& operator<<(std::ostream& out, const Bucket& bucket) {
  return out << bucket.name() << " [" << join(bucket.samples, " ") << "]";
}

std::ostream& operator<<(std::ostream& out, const Shard& shard) {
  return out << shard.name << " [" << shard.begin << ", " << shard.end << ")";
}

std::ostream& operator<<(std::ostream& out, const WorkUnit& unit) {
  return out << "shard " << unit.shard << " [" << join(unit.positions, " ") << "]";
}

std::ostream& operator<<(std::ostream& out, const SamplePlace& place) {
  return out << "shard " << place.shard << " position " << place.position;
}

std::ostream& operator<<(std::ostream& out, const Plan& plan) {
  for (const Bucket& bucket : plan.buckets) {
    out << "bucket " << bucket.name() << ": " << bucket.samples.size() << " samples\n";
  }
  for (const Shard& shard : plan.shards) out << "shard " << shard << "\n";
  return out;
}

}  // namespace ditmesh
