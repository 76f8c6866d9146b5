#include "ditmesh/dataset/unfinished.hpp"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

#include "column.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/utc_time.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "ditmesh/dataset/output_lock.hpp"
#include "ditmesh/dataset/shard_census.hpp"
#include "hdf5.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

// Samples of each shard: in its file, or else in its journals.
using CountsByShard = std::map<std::string, StatusCounts>;

void count_shard(const std::string& name, Unfinished& unfinished, CountsByShard& by_shard) {
  const std::filesystem::path path = shard_path(unfinished.folder, name);
  try {
    const Hdf5Handle file = open_hdf5_file(path);
    check_format_version(file.get(), path);
    const auto statuses = Column::read(open_group(file.get(), "samples").get(), "status").statuses();
    for (const SampleStatus status : statuses) {
      unfinished.in_shards.add(status);
      by_shard[name].add(status);
    }
    ++unfinished.num_shards;
  } catch (const EnvironmentError& error) {
    unfinished.damaged.push_back(cat(name, ": ", error.what()));
  }
}

// 'a b' for the shell; plain words as they are.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return cat(text, "'");
}

std::string option_text(const std::string& name, const std::string& value) {
  // A flag's value, and one that looks like an option, must be tied to the name.
  const bool is_tied = value == "true" || value == "false" || value.starts_with('-');
  return is_tied ? cat(" --", name, "=", quoted(value)) : cat(" --", name, " ", quoted(value));
}

// The samples of a journal whose shard is there are counted in the shard: it waits for its removal, or holds
// what --retry-failed made.
void count_journal(const std::filesystem::path& journal, const std::vector<std::string>& shards,
                   Unfinished& unfinished, CountsByShard& by_shard) {
  ++unfinished.num_journals;
  const std::string name = journal.filename().string();
  const std::string shard = name.substr(0, name.find(".replica-"));
  if (std::binary_search(shards.begin(), shards.end(), shard)) return;
  const int64_t num_records = count_journal_records(journal);
  unfinished.in_journals += num_records;
  by_shard[shard].done += num_records;
}

bool holds_lock(const Part& part, const std::vector<std::string>& owners) {
  return std::any_of(owners.begin(), owners.end(), [&](const std::string& owner) {
    return part.is_whole() || owner.starts_with(cat(part, ": "));
  });
}

std::string text_or(const OrderedJson& object, const char* key, const std::string& otherwise) {
  const auto field = object.find(key);
  return field != object.end() && field->is_string() ? field->get<std::string>() : otherwise;
}

// Nothing if the job file does not say when the attempt began, and from where.
std::optional<RunningAttempt> running_attempt(const JobRecord& record, const CountsByShard& by_shard,
                                              std::chrono::system_clock::time_point now) {
  if (record.attempts.empty() || record.attempts.back().contains("ended")) return std::nullopt;
  const OrderedJson& attempt = record.attempts.back();
  const auto started = parse_utc(text_or(attempt, "started", ""));
  const auto done_before = attempt.find("done_before");
  if (!started || done_before == attempt.end() || !done_before->is_number_integer()) return std::nullopt;
  RunningAttempt running;
  running.part = record.part;
  running.number = attempt.at("number").get<int64_t>();
  running.elapsed_s = std::max(0.0, std::chrono::duration<double>(now - *started).count());
  StatusCounts counts;
  int64_t num_samples = 0;
  for (const RecordedShard& shard : record.shards) {
    num_samples += shard.num_samples;
    if (const auto found = by_shard.find(shard.name); found != by_shard.end()) {
      counts.done += found->second.done;
      counts.failed += found->second.failed;
    }
  }
  const bool retries = record.settings.contains("retry-failed") &&
                       text_or(record.settings.at("retry-failed"), "value", "") == "true";
  running.num_made = std::max<int64_t>(0, counts.done - done_before->get<int64_t>());
  running.num_left = std::max<int64_t>(0, num_samples - counts.done - (retries ? 0 : counts.failed));
  return running;
}

std::string progress_of(const RunningAttempt& running, std::chrono::system_clock::time_point now) {
  std::string text = cat("  made about ", running.num_made, " in ", human_seconds(running.elapsed_s), ", ",
                         running.num_left, " left");
  const auto left_s = running.left_s();
  if (!left_s) return text;
  const double rate = running.images_per_second();
  text += cat(", ", std::fixed, std::setprecision(rate < 10 ? 2 : 1), rate, " images/s");
  if (running.num_left == 0) return text;
  const auto until = now + std::chrono::seconds(static_cast<int64_t>(*left_s));
  return cat(text, ": ready in about ", human_seconds(*left_s), ", at ", utc_text(until));
}

std::string fate_of(const OrderedJson& attempt, bool is_running) {
  std::string text = cat("attempt ", attempt.at("number").dump(), ": ", text_or(attempt, "started", "?"));
  if (const auto ranks = attempt.find("ranks"); ranks != attempt.end())
    text += cat(", ranks ", ranks->dump());
  if (const auto made = attempt.find("made"); made != attempt.end()) text += cat(", made ", made->dump());
  const std::string ended_by = text_or(attempt, "ended_by", "");
  if (!ended_by.empty()) return cat(text, ", ended ", text_or(attempt, "ended", "?"), " (", ended_by, ")");
  return cat(text, is_running ? ", is running" : ", crashed");
}

}  // namespace

double RunningAttempt::images_per_second() const {
  return elapsed_s > 0 ? static_cast<double>(num_made) / elapsed_s : 0;
}

std::optional<double> RunningAttempt::left_s() const {
  if (num_made == 0 || elapsed_s <= 0) return std::nullopt;
  return static_cast<double>(num_left) / images_per_second();
}

std::optional<int64_t> Unfinished::num_missing() const {
  if (!num_samples) return std::nullopt;
  return std::max<int64_t>(0, *num_samples - in_shards.done - in_shards.failed - in_journals);
}

bool is_unfinished(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return false;
  if (std::filesystem::exists(folder / "dataset.h5", error)) return false;
  return !parts_with_file(folder, ".json").empty() || !shard_names(folder).empty() ||
         !list_journals(folder).empty();
}

bool is_being_written(const std::filesystem::path& folder) { return !lock_owners(folder).empty(); }

Unfinished inspect_unfinished(const std::filesystem::path& folder,
                              std::chrono::system_clock::time_point now) {
  Unfinished unfinished;
  unfinished.folder = folder;
  const auto records = read_job_records(folder);
  const auto shards = shard_names(folder);
  const ShardCensus census = take_census(folder, records, shards);
  if (!records.empty()) {
    unfinished.num_samples = records.front().num_samples;
    unfinished.image_format = records.front().image_format;
  }
  for (const JobRecord& record : records) {
    unfinished.parts.push_back({record.part, record.attempts, command_to_go_on(record)});
  }
  for (const Part& part : census.missing_parts) {
    // As one that was begun, but for the number.
    JobRecord record = records.front();
    record.settings["part"] = {{"value", cat(part.index, '/', part.count)}, {"origin", "command line"}};
    unfinished.missing_parts.push_back({part, OrderedJson::array(), command_to_go_on(record)});
  }
  unfinished.running = lock_owners(folder);
  CountsByShard by_shard;
  for (const std::string& name : shards) count_shard(name, unfinished, by_shard);
  for (const std::filesystem::path& journal : list_journals(folder))
    count_journal(journal, shards, unfinished, by_shard);
  for (const JobRecord& record : records) {
    if (!holds_lock(record.part, unfinished.running)) continue;
    if (auto running = running_attempt(record, by_shard, now)) unfinished.attempts.push_back(*running);
  }
  std::error_code error;
  unfinished.has_index = std::filesystem::exists(folder / "dataset.h5", error);
  // Journals of shards that are there may hold more than those: what --retry-failed made.
  unfinished.only_index_is_missing =
      census.is_complete() && unfinished.damaged.empty() && unfinished.num_journals == 0;
  return unfinished;
}

OrderedJson to_json(const Unfinished& unfinished) {
  OrderedJson json;
  json["output"] = unfinished.folder.string();
  json["finished"] = false;
  json["num_samples"] = nullptr;
  json["num_missing"] = nullptr;
  if (unfinished.num_samples) {
    json["num_samples"] = *unfinished.num_samples;
    json["num_missing"] = *unfinished.num_missing();
  }
  json["image_format"] = unfinished.image_format ? OrderedJson(*unfinished.image_format) : OrderedJson();
  json["in_shards"] = {{"done", unfinished.in_shards.done}, {"failed", unfinished.in_shards.failed}};
  json["num_shards"] = unfinished.num_shards;
  json["in_journals_about"] = unfinished.in_journals;
  json["num_journals"] = unfinished.num_journals;
  json["damaged"] = unfinished.damaged;
  json["running"] = unfinished.running;
  json["running_attempts"] = OrderedJson::array();
  for (const RunningAttempt& running : unfinished.attempts) {
    const auto left_s = running.left_s();
    json["running_attempts"].push_back({{"part", running.part.is_whole() ? "" : cat(running.part)},
                                        {"number", running.number},
                                        {"elapsed_s", running.elapsed_s},
                                        {"made_about", running.num_made},
                                        {"left_about", running.num_left},
                                        {"images_per_second", running.images_per_second()},
                                        {"left_s", left_s ? OrderedJson(*left_s) : OrderedJson()}});
  }
  json["parts"] = OrderedJson::array();
  for (const UnfinishedPart& part : unfinished.parts) {
    json["parts"].push_back({{"index", part.part.index},
                             {"count", part.part.count},
                             {"attempts", part.attempts},
                             {"go_on", part.go_on}});
  }
  json["missing_parts"] = OrderedJson::array();
  for (const UnfinishedPart& part : unfinished.missing_parts)
    json["missing_parts"].push_back(part.part.index);
  json["only_index_is_missing"] = unfinished.only_index_is_missing;
  return json;
}

std::string to_text(const Unfinished& unfinished) {
  const auto now = std::chrono::system_clock::now();
  std::ostringstream out;
  out << "dataset: " << unfinished.folder.string()
      << (unfinished.has_index ? " (a job writes there; dataset.h5 is older)"
                               : " (unfinished: no dataset.h5)")
      << "\n";
  out << "in shards: " << unfinished.in_shards.done << " done, " << unfinished.in_shards.failed
      << " failed, in " << counted(unfinished.num_shards, "shard");
  if (unfinished.image_format) out << ", pictures as " << *unfinished.image_format;
  out << "\n";
  out << "in journals: about " << unfinished.in_journals << ", in "
      << counted(unfinished.num_journals, "journal") << "\n";
  if (const auto missing = unfinished.num_missing()) {
    out << "missing: " << (unfinished.in_journals > 0 ? "about " : "") << *missing << " of "
        << *unfinished.num_samples << "\n";
  }
  for (const std::string& damaged : unfinished.damaged) out << "damaged: " << damaged << "\n";
  for (const std::string& owner : unfinished.running) out << "running: " << owner << "\n";
  for (const UnfinishedPart& part : unfinished.parts) {
    if (!part.part.is_whole()) out << part.part << "\n";
    const bool is_running = holds_lock(part.part, unfinished.running);
    for (const OrderedJson& attempt : part.attempts) {
      out << fate_of(attempt, is_running && attempt == part.attempts.back()) << "\n";
    }
    for (const RunningAttempt& running : unfinished.attempts) {
      if (running.part == part.part) out << progress_of(running, now) << "\n";
    }
  }
  for (const UnfinishedPart& part : unfinished.missing_parts) out << "never begun: " << part.part << "\n";
  if (!unfinished.running.empty()) return out.str();
  if (unfinished.only_index_is_missing) {
    out << "go on with: ditmesh index " << quoted(unfinished.folder.string()) << "\n";
    return out.str();
  }
  for (const UnfinishedPart& part : unfinished.parts) out << "go on with: " << part.go_on << "\n";
  for (const UnfinishedPart& part : unfinished.missing_parts) out << "go on with: " << part.go_on << "\n";
  return out.str();
}

std::string command_to_go_on(const JobRecord& record) {
  std::string command = "ditmesh generate";
  for (const auto& [name, setting] : record.settings.items()) {
    if (!setting.is_object() || text_or(setting, "origin", "default") == "default") continue;
    const auto value = setting.find("value");
    if (value == setting.end()) continue;
    if (value->is_string()) command += option_text(name, value->get<std::string>());
    if (!value->is_array()) continue;
    for (const OrderedJson& each : *value) {
      if (each.is_string()) command += option_text(name, each.get<std::string>());
    }
  }
  return command;
}

}  // namespace ditmesh
