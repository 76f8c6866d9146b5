#include "ditmesh/dataset/plan.hpp"

#include <algorithm>
#include <iomanip>
#include <map>
#include <ostream>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr int64_t kMinDefaultShardSize = 1000;

std::vector<Bucket> make_buckets(const std::vector<Sample>& samples) {
  std::vector<Bucket> buckets;
  std::map<std::pair<int32_t, int32_t>, size_t> index_by_size;
  for (size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    const auto [place, is_new] = index_by_size.try_emplace({sample.height, sample.width}, buckets.size());
    if (is_new) buckets.push_back({sample.height, sample.width, {}});
    buckets[place->second].samples.push_back(static_cast<int64_t>(i));
  }
  return buckets;
}

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

// Cuts [0, size) of the shard where the kind of sample changes and after `batch`.
void add_units(Plan& plan, int64_t shard, const std::vector<Sample>& samples, int64_t batch) {
  const auto kind = [&](int64_t position) {
    const Sample& sample = samples[static_cast<size_t>(plan.sample_at(shard, position))];
    return std::pair(sample.steps, sample.uses_true_cfg());
  };
  const int64_t size = plan.shards[static_cast<size_t>(shard)].size();
  for (int64_t begin = 0; begin < size;) {
    int64_t end = begin + 1;
    while (end < size && end - begin < batch && kind(end) == kind(begin)) ++end;
    plan.units.push_back({shard, begin, end});
    begin = end;
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

int64_t Plan::num_samples() const {
  int64_t sum = 0;
  for (const Bucket& bucket : buckets) sum += static_cast<int64_t>(bucket.samples.size());
  return sum;
}

Plan make_plan(const std::vector<Sample>& samples, const PlanOptions& options) {
  if (options.batch < 1)
    throw ConfigError(cat("--batch must be at least 1, found ", options.batch), "correct it");
  if (options.shard_size < 0) {
    throw ConfigError(cat("--shard-size must be at least 1, found ", options.shard_size),
                      "leave it out for the default");
  }
  Plan plan;
  plan.buckets = make_buckets(samples);
  for (size_t b = 0; b < plan.buckets.size(); ++b) {
    const Bucket& bucket = plan.buckets[b];
    const auto size = static_cast<int64_t>(bucket.samples.size());
    const int64_t shard_size =
        shard_size_of(bucket, static_cast<int64_t>(samples.size()), options.shard_size);
    for (int64_t begin = 0; begin < size; begin += shard_size) {
      plan.shards.push_back({static_cast<int64_t>(b), begin, std::min(size, begin + shard_size),
                             cat(bucket.name(), "-", std::setw(6), std::setfill('0'), begin / shard_size)});
      add_units(plan, static_cast<int64_t>(plan.shards.size()) - 1, samples, options.batch);
    }
  }
  return plan;
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
  return out << "shard " << unit.shard << " [" << unit.begin << ", " << unit.end << ")";
}

std::ostream& operator<<(std::ostream& out, const SamplePlace& place) {
  return out << "shard " << place.shard << " position " << place.position;
}

std::ostream& operator<<(std::ostream& out, const Plan& plan) {
  for (const Bucket& bucket : plan.buckets) {
    out << "bucket " << bucket.name() << ": " << bucket.samples.size() << " samples\n";
  }
  for (const Shard& shard : plan.shards) out << "shard " << shard << "\n";
  for (const WorkUnit& unit : plan.units) out << "unit " << unit << "\n";
  return out;
}

}  // namespace ditmesh
