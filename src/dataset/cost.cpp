#include "ditmesh/dataset/cost.hpp"

#include <algorithm>
#include <map>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/job_record.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "ditmesh/dataset/trace_store.hpp"
#include "ditmesh/dataset/unfinished.hpp"
#include "ditmesh/trace/summary.hpp"

namespace ditmesh {

namespace {

double of(const AttemptTime& attempt, Phase phase) { return attempt.phase_s.at(static_cast<size_t>(phase)); }

// What an attempt's samples took, as their records say.
struct Recorded {
  double done_s = 0;
  double failed_s = 0;
};

void add_attempt(Cost& cost, const AttemptTime& attempt, const Recorded* recorded) {
  const auto add = [&](Expense expense, double seconds) {
    cost.seconds.at(static_cast<size_t>(expense)) += seconds;
  };
  const double work_s = of(attempt, Phase::encode) + of(attempt, Phase::denoise) + of(attempt, Phase::decode);
  // A sample's own time has a little beside the three phases: it never counts for more than was worked.
  double kept = 1;
  double failed = 0;
  if (recorded != nullptr && work_s > 0) {
    const double known_s = recorded->done_s + recorded->failed_s;
    const double scale = known_s > work_s ? work_s / known_s : 1;
    kept = recorded->done_s * scale / work_s;
    failed = recorded->failed_s * scale / work_s;
  }
  add(Expense::encoding, of(attempt, Phase::encode) * kept);
  add(Expense::denoising, of(attempt, Phase::denoise) * kept);
  add(Expense::decoding, of(attempt, Phase::decode) * kept);
  add(Expense::failed, work_s * failed);
  add(Expense::made_again, work_s * (1 - kept - failed));
  const double start_s = of(attempt, Phase::set_up) + of(attempt, Phase::load);
  const double writes_s =
      of(attempt, Phase::hand_over) + of(attempt, Phase::flush) + of(attempt, Phase::index);
  add(Expense::start_up, start_s);
  add(Expense::writes, writes_s);
  add(Expense::idle, attempt.total_s - work_s - start_s - writes_s);
  cost.allocated_s += attempt.total_s;
}

void add_groups(Cost& cost, const std::vector<SampleTime>& samples) {
  std::map<std::string, GroupCost> groups;
  double all_s = 0;
  for (const SampleTime& sample : samples) {
    if (sample.status == SampleStatus::missing) continue;
    GroupCost& group = groups[sample.group];
    group.value = sample.group;
    if (sample.status == SampleStatus::done) ++group.num_done;
    group.device_seconds += sample.device_seconds;
    all_s += sample.device_seconds;
  }
  for (auto& [value, group] : groups) {
    if (all_s > 0) group.allocated_s = cost.allocated_s * group.device_seconds / all_s;
    cost.groups.push_back(std::move(group));
  }
  std::stable_sort(cost.groups.begin(), cost.groups.end(),
                   [](const GroupCost& a, const GroupCost& b) { return a.allocated_s > b.allocated_s; });
}

AttemptTime time_of(int64_t attempt, const OrderedJson& per_rank) {
  AttemptTime time;
  time.attempt = attempt;
  for (const OrderedJson& rank : per_rank) {
    const OrderedJson& seconds = rank.at("seconds");
    std::array<double, kNumPhases> phase_s{};
    for (size_t phase = 0; phase < kNumPhases; ++phase)
      phase_s.at(phase) = seconds.value(std::string(name_of(static_cast<Phase>(phase))), 0.0);
    time.add(seconds.at("total"), phase_s);
  }
  return time;
}

AttemptTime time_of(const TracedAttempt& traced, const Log& log) {
  AttemptTime time;
  time.attempt = traced.attempt;
  const TraceSummary summary = summarise(read_attempt(traced, log));
  for (const RankSummary& rank : summary.ranks) time.add(rank.total_s, rank.seconds);
  return time;
}

// From the job file, or, of an attempt that crashed or still runs, from its trace.
std::optional<AttemptTime> find_time(const JobRecord& record, const OrderedJson& attempt,
                                     const std::vector<TracedAttempt>& traced, const Log& log) {
  const int64_t number = attempt.at("number");
  if (attempt.contains("per_rank") && !attempt.at("per_rank").empty() &&
      attempt.at("per_rank").front().at("seconds").contains("total"))
    return time_of(number, attempt.at("per_rank"));
  for (const TracedAttempt& one : traced) {
    if (one.part == record.part && one.attempt == number) return time_of(one, log);
  }
  return std::nullopt;
}

// The value of `column` of a row: one of the manifest's, or one of the job's own.
std::string value_of(const DatasetRow& row, const std::string& column,
                     const std::vector<std::string>& further) {
  const auto found = std::find(further.begin(), further.end(), column);
  if (found != further.end()) return row.sample.further.at(static_cast<size_t>(found - further.begin()));
  if (column == "bucket") return row.bucket;
  if (column == "steps") return cat(row.sample.steps);
  if (column == "guidance") return cat(row.sample.guidance);
  if (column == "attempt") return cat(row.attempt);
  std::vector<std::string> known = further;
  for (const char* own : {"bucket", "steps", "guidance", "attempt"}) known.emplace_back(own);
  throw ConfigError(cat("--by ", column, ": the dataset has no such column", did_you_mean(column, known)),
                    cat("give one of ", join(known, ", ")));
}

}  // namespace

std::string_view name_of(Expense expense) {
  constexpr std::array<std::string_view, kNumExpenses> kNames = {
      "denoising", "encoding", "decoding",       "waiting for writes",
      "idle",      "start-up", "failed samples", "made again"};
  return kNames.at(static_cast<size_t>(expense));
}

void AttemptTime::add(double more_s, const std::array<double, kNumPhases>& more_phase_s) {
  total_s += more_s;
  for (size_t phase = 0; phase < kNumPhases; ++phase) phase_s.at(phase) += more_phase_s.at(phase);
}

Cost account(const std::vector<AttemptTime>& attempts, const std::vector<SampleTime>& samples,
             bool by_group) {
  std::map<int64_t, Recorded> recorded;
  Cost cost;
  for (const SampleTime& sample : samples) {
    if (sample.status == SampleStatus::done) {
      ++cost.num_done;
      recorded[sample.attempt].done_s += sample.device_seconds;
    } else if (sample.status == SampleStatus::failed) {
      ++cost.num_failed;
      recorded[sample.attempt].failed_s += sample.device_seconds;
    }
  }
  const Recorded none;
  for (const AttemptTime& attempt : attempts) {
    const auto found = recorded.find(attempt.attempt);
    add_attempt(cost, attempt, samples.empty() ? nullptr : found == recorded.end() ? &none : &found->second);
  }
  cost.num_attempts = static_cast<int64_t>(attempts.size());
  if (by_group) add_groups(cost, samples);
  return cost;
}

Cost cost_of(const std::filesystem::path& output, const std::optional<std::string>& column, const Log& log) {
  const auto records = read_job_records(output);
  if (records.empty())
    throw ConfigError(cat(output, " has no job.json: nothing says what it cost"), "give the OUTPUT of a job");
  // Attempts of parts that have the same number are one here: samples know no more than the number.
  std::map<int64_t, AttemptTime> times;
  std::vector<int64_t> unknown;
  const auto traced = traced_attempts(output);
  for (const JobRecord& record : records) {
    for (const OrderedJson& attempt : record.attempts) {
      const auto time = find_time(record, attempt, traced, log);
      if (!time) {
        unknown.push_back(attempt.at("number"));
        continue;
      }
      AttemptTime& sum = times[time->attempt];
      sum.attempt = time->attempt;
      sum.add(time->total_s, time->phase_s);
    }
  }
  std::vector<AttemptTime> attempts;
  for (auto& [number, time] : times) attempts.push_back(time);
  std::vector<SampleTime> samples;
  if (is_unfinished(output)) {
    if (column) {
      throw ConfigError("--by needs the index: the job is not finished",
                        "wait until it is, or run ditmesh index");
    }
  } else {
    const Dataset dataset(output);
    for (const DatasetRow& row : dataset.rows()) {
      samples.push_back({row.attempt, row.status, row.device_seconds,
                         column ? value_of(row, *column, dataset.further_columns()) : std::string()});
    }
  }
  Cost cost = account(attempts, samples, column.has_value());
  cost.unknown_attempts = std::move(unknown);
  return cost;
}

}  // namespace ditmesh
