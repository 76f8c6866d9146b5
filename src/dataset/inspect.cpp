#include "ditmesh/dataset/inspect.hpp"

#include <algorithm>
#include <iomanip>
#include <map>
#include <set>
#include <sstream>

#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/job_record.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "ditmesh/dataset/unfinished.hpp"

namespace ditmesh {

namespace {

constexpr size_t kMaxErrors = 10;

uint64_t size_of_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

uint64_t size_of_files(const std::filesystem::path& folder) {
  uint64_t sum = 0;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder, error))
    sum += size_of_file(file.path());
  return sum;
}

std::optional<DeviceSeconds> device_seconds_of(const Dataset& dataset) {
  std::vector<double> seconds;
  for (const DatasetRow& row : dataset.rows()) {
    if (row.status == SampleStatus::done) seconds.push_back(row.device_seconds);
  }
  if (seconds.empty()) return std::nullopt;
  std::sort(seconds.begin(), seconds.end());
  const size_t middle = seconds.size() / 2;
  const double median =
      seconds.size() % 2 == 1 ? seconds[middle] : (seconds[middle - 1] + seconds[middle]) / 2;
  return DeviceSeconds{seconds.front(), median, seconds.back()};
}

// The plain values of an object, one a line; of deeper ones "outer.inner".
void print_values(std::ostream& out, const Json& json, const std::string& prefix) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      print_values(out, value, prefix + key + ".");
    } else if (value.is_string()) {
      out << "  " << prefix << key << ": " << value.get<std::string>() << "\n";
    } else if (value.is_primitive() && !value.is_null()) {
      out << "  " << prefix << key << ": " << value.dump() << "\n";
    }
  }
}

OrderedJson counts_json(const StatusCounts& counts) {
  return {{"total", counts.total()},
          {"done", counts.done},
          {"failed", counts.failed},
          {"missing", counts.missing}};
}

// A dataset is one without its job files, too: what is wrong with them is verify's to tell.
void read_job_files(Summary& summary) {
  try {
    if (std::filesystem::exists(summary.folder / "job.json"))
      summary.job = read_json_file(summary.folder / "job.json");
    const auto records = read_job_records(summary.folder);
    if (!records.empty()) summary.num_samples = records.front().num_samples;
    if (summary.is_finished()) return;
    for (const JobRecord& record : records) summary.go_on.push_back(command_to_go_on(record));
  } catch (const ConfigError&) {
    summary.num_samples.reset();
  }
}

}  // namespace

Summary inspect_dataset(const Dataset& dataset) {
  Summary summary;
  summary.folder = dataset.folder();
  summary.counts = dataset.counts();
  summary.content_hash = dataset.content_hash();
  summary.image_format = dataset.image_format();
  summary.further_columns = dataset.further_columns();
  summary.device_seconds = device_seconds_of(dataset);
  summary.num_journals = static_cast<int64_t>(list_journals(dataset.folder()).size());
  summary.size_bytes =
      size_of_file(dataset.folder() / "dataset.h5") + size_of_files(dataset.folder() / "shards");
  std::map<std::string, size_t> bucket_of_name;
  std::set<std::string> shards;
  for (const DatasetRow& row : dataset.rows()) {
    const auto [place, is_new] = bucket_of_name.try_emplace(row.bucket, summary.buckets.size());
    if (is_new) summary.buckets.push_back({row.bucket, {}, 0});
    BucketSummary& bucket = summary.buckets[place->second];
    bucket.counts.add(row.status);
    if (shards.insert(row.shard).second) ++bucket.num_shards;
    if (row.status == SampleStatus::failed && summary.errors.size() < kMaxErrors) {
      summary.errors.push_back(cat(row.sample.id, " #", row.sample.copy, ": ", row.error));
    }
  }
  summary.num_shards = static_cast<int64_t>(shards.size());
  read_job_files(summary);
  return summary;
}

OrderedJson to_json(const Summary& summary) {
  OrderedJson json;
  json["output"] = summary.folder.string();
  json["finished"] = summary.is_finished();
  json["num_samples"] = summary.num_samples ? OrderedJson(*summary.num_samples) : OrderedJson();
  json["go_on"] = summary.go_on;
  json["samples"] = counts_json(summary.counts);
  json["content_hash"] = summary.content_hash;
  json["image_format"] = summary.image_format.to_string();
  json["buckets"] = OrderedJson::array();
  for (const BucketSummary& bucket : summary.buckets) {
    json["buckets"].push_back(
        {{"name", bucket.name}, {"samples", counts_json(bucket.counts)}, {"num_shards", bucket.num_shards}});
  }
  json["num_shards"] = summary.num_shards;
  json["num_journals"] = summary.num_journals;
  json["size_bytes"] = summary.size_bytes;
  json["further_columns"] = summary.further_columns;
  json["device_seconds"] = nullptr;
  if (summary.device_seconds) {
    json["device_seconds"] = {{"min", summary.device_seconds->min},
                              {"median", summary.device_seconds->median},
                              {"max", summary.device_seconds->max}};
  }
  json["errors"] = summary.errors;
  json["job"] = summary.job;
  return json;
}

std::string to_text(const Summary& summary) {
  std::ostringstream out;
  out << "dataset: " << summary.folder.string() << "\n";
  out << "samples: " << summary.counts.total() << " (" << summary.counts << ")\n";
  if (!summary.is_finished()) {
    out << "unfinished: the job has " << summary.num_samples.value_or(summary.counts.total())
        << " samples, the others are not made yet\n";
    for (const std::string& command : summary.go_on) out << "go on with: " << command << "\n";
  }
  for (const BucketSummary& bucket : summary.buckets) {
    out << "  " << bucket.name << ": " << bucket.counts << ", " << counted(bucket.num_shards, "shard")
        << "\n";
  }
  out << "files: " << counted(summary.num_shards, "shard") << ", " << human_bytes(summary.size_bytes)
      << ", pictures as " << summary.image_format << "\n";
  if (summary.num_journals > 0) {
    out << "journals: " << summary.num_journals << " (a job is running, or was stopped: start it again)\n";
  }
  out << "content hash: " << summary.content_hash << "\n";
  if (!summary.further_columns.empty())
    out << "further columns: " << join(summary.further_columns, ", ") << "\n";
  if (summary.device_seconds) {
    const DeviceSeconds& seconds = *summary.device_seconds;
    out << std::setprecision(3) << "device seconds per image: min " << seconds.min << ", median "
        << seconds.median << ", max " << seconds.max << "\n";
  }
  for (const std::string& error : summary.errors) out << "failed: " << error << "\n";
  if (summary.job.is_object()) {
    out << "job:\n";
    print_values(out, summary.job, "");
  }
  return out.str();
}

}  // namespace ditmesh
