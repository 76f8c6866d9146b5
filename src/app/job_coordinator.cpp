#include "job_coordinator.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace ditmesh {

namespace {

// Units that are looked at for the costliest: so many that every rank finds one.
constexpr size_t kMinWindow = 256;
constexpr size_t kWindowPerRank = 8;

// By bucket: pixels and transformer evaluations of its costliest sample.
std::vector<double> largest_costs(const Plan& plan) {
  std::vector<double> costs;
  for (const Bucket& bucket : plan.buckets) {
    int evaluations = 0;
    for (const int64_t sample : bucket.samples) {
      const SampleKind& kind = plan.kinds[plan.kind_of_sample[static_cast<size_t>(sample)]];
      evaluations = std::max(evaluations, kind.steps * (kind.uses_true_cfg ? 2 : 1));
    }
    costs.push_back(static_cast<double>(bucket.height) * bucket.width * evaluations);
  }
  return costs;
}

bool is_open(const KnownStatus& known, int64_t sample) {
  return known.samples[static_cast<size_t>(sample)] == SampleStatus::missing;
}

}  // namespace

std::unique_ptr<Coordinator> make_coordinator(const Plan& plan, const KnownStatus& known, const Part& part,
                                              const JobCounts& counts, const CoordinatorOptions& options,
                                              JobClock::time_point start) {
  std::vector<ShardState> shards;
  std::vector<std::pair<double, int64_t>> order;  // the costliest bucket first
  const std::vector<double> costs = largest_costs(plan);
  for (int64_t shard = 0; shard < static_cast<int64_t>(plan.shards.size()); ++shard) {
    ShardState& state = shards.emplace_back();
    const Shard& range = plan.shards[static_cast<size_t>(shard)];
    state.name = range.name;
    state.begin = range.begin;
    state.samples = plan.samples_of(shard);
    if (!in_part(shard, part.index, part.count)) continue;
    state.num_open = std::count_if(state.samples.begin(), state.samples.end(),
                                   [&](int64_t sample) { return is_open(known, sample); });
    const auto at = static_cast<size_t>(shard);
    state.needs_writing = !known.has_file[at] || known.has_journal[at];
    if (state.num_open > 0) order.push_back({-costs[static_cast<size_t>(range.bucket)], shard});
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<int64_t> opened;
  for (const auto& [cost, shard] : order) opened.push_back(shard);

  const auto units = [&plan, &known](int64_t shard) {
    std::vector<QueuedUnit> queued;
    for (WorkUnit& unit : plan.units(shard, [&](int64_t sample) { return is_open(known, sample); })) {
      const double cost = plan.cost(unit);
      queued.push_back({shard, std::move(unit.positions), cost, false});
    }
    return queued;
  };
  const size_t window = std::max(kMinWindow, kWindowPerRank * static_cast<size_t>(options.num_ranks));
  return std::make_unique<Coordinator>(WorkQueue(std::move(opened), units, window), std::move(shards), counts,
                                       options, start);
}

}  // namespace ditmesh
