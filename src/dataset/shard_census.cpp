#include "ditmesh/dataset/shard_census.hpp"

#include <algorithm>
#include <iterator>

#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/journal.hpp"

namespace ditmesh {

namespace {

constexpr size_t kMaxNamed = 10;

std::vector<Part> missing_parts_of(const std::vector<JobRecord>& records) {
  std::vector<Part> missing;
  if (records.empty()) return missing;
  const int64_t count = records.front().part.count;
  for (int64_t index = 0; index < count; ++index) {
    const bool is_there = std::any_of(records.begin(), records.end(),
                                      [&](const JobRecord& record) { return record.part.index == index; });
    if (!is_there) missing.push_back({index, count});
  }
  return missing;
}

void list_files(const std::filesystem::path& output, const std::string& folder, std::string_view extension,
                std::vector<std::string>& names) {
  std::error_code none_if_not_there;
  for (const auto& file : std::filesystem::directory_iterator(output / folder, none_if_not_there)) {
    const std::string name = file.path().filename().string();
    if (name.ends_with(extension)) names.push_back(folder.empty() ? name : cat(folder, "/", name));
  }
}

std::vector<std::string> leftover_files(const std::filesystem::path& output) {
  std::vector<std::string> names;
  list_files(output, "", ".tmp", names);
  list_files(output, "shards", ".tmp", names);
  list_files(output, "journal", "", names);
  std::sort(names.begin(), names.end());
  return names;
}

// "a, b, c and 7 more"
template <typename T>
std::string first_of(const std::vector<T>& items) {
  const std::vector<T> first(items.begin(), items.begin() + std::min(items.size(), kMaxNamed));
  return cat(join(first, ", "),
             items.size() > first.size() ? cat(" and ", items.size() - first.size(), " more") : "");
}

}  // namespace

ShardCensus take_census(const std::filesystem::path& output, const std::vector<JobRecord>& records,
                        const std::vector<std::string>& present) {
  ShardCensus census;
  census.is_known = !records.empty();
  census.missing_parts = missing_parts_of(records);
  census.leftover = leftover_files(output);
  if (!census.is_known) return census;
  std::vector<std::string> recorded;
  for (const JobRecord& record : records) {
    for (const RecordedShard& shard : record.shards) recorded.push_back(shard.name);
  }
  std::sort(recorded.begin(), recorded.end());
  std::set_difference(recorded.begin(), recorded.end(), present.begin(), present.end(),
                      std::back_inserter(census.missing));
  // The shards of a part without a job file are not foreign.
  if (census.missing_parts.empty()) {
    std::set_difference(present.begin(), present.end(), recorded.begin(), recorded.end(),
                        std::back_inserter(census.foreign));
  }
  return census;
}

ShardCensus take_census(const std::filesystem::path& output) {
  return take_census(output, read_job_records(output), shard_names(output));
}

void remove_temporary_files(const std::filesystem::path& output, const ShardCensus& census) {
  const auto journals = list_journals(output);
  for (const std::string& name : census.leftover) {
    if (std::find(journals.begin(), journals.end(), output / name) != journals.end()) continue;
    std::error_code ignored;  // verify tells what stays
    std::filesystem::remove(output / name, ignored);
  }
}

std::vector<std::string> absences(const ShardCensus& census) {
  std::vector<std::string> sentences;
  if (!census.missing_parts.empty()) {
    sentences.push_back(cat(counted(static_cast<int64_t>(census.missing_parts.size()), "part"),
                            " of the job never began: ", first_of(census.missing_parts)));
  }
  if (!census.missing.empty()) {
    sentences.push_back(cat(counted(static_cast<int64_t>(census.missing.size()), "shard"), " of the job ",
                            census.missing.size() == 1 ? "is" : "are",
                            " not there: ", first_of(census.missing)));
  }
  return sentences;
}

}  // namespace ditmesh
