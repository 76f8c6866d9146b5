#include "ditmesh/dataset/trace_store.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/trace_file.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAttempt = "attempt-";
constexpr std::string_view kSpans = ".spans";
constexpr std::string_view kHdf5 = ".h5";

// Whose file it is: the part and the attempt that its name begins with.
std::optional<std::pair<Part, int64_t>> owner_of(const std::string& name) {
  Part part;
  std::string_view rest = name;
  if (const auto labelled = Part::of_label(rest.substr(0, rest.find('.')))) {
    part = *labelled;
    rest.remove_prefix(part.label().size() + 1);
  }
  if (!rest.starts_with(kAttempt)) return std::nullopt;
  rest.remove_prefix(kAttempt.size());
  const auto attempt = parse_int(rest.substr(0, rest.find('.')));
  if (!attempt) return std::nullopt;
  return std::pair(part, *attempt);
}

}  // namespace

std::string trace_prefix(const Part& part, int64_t attempt) {
  return cat(part.label(), part.is_whole() ? "" : ".", kAttempt, attempt);
}

std::vector<TracedAttempt> traced_attempts(const fs::path& output) {
  std::map<std::pair<Part, int64_t>, TracedAttempt> found;
  std::error_code none;
  for (const auto& file : fs::directory_iterator(output / "traces", none)) {
    const std::string name = file.path().filename().string();
    const auto owner = owner_of(name);
    if (!owner) continue;
    TracedAttempt& attempt = found[*owner];
    std::tie(attempt.part, attempt.attempt) = *owner;
    if (name.ends_with(kSpans)) attempt.span_files.push_back(file.path());
    if (name.ends_with(kHdf5)) attempt.hdf5_files.push_back(file.path());
  }
  std::vector<TracedAttempt> attempts;
  for (auto& [owner, attempt] : found) {
    std::sort(attempt.span_files.begin(), attempt.span_files.end());
    std::sort(attempt.hdf5_files.begin(), attempt.hdf5_files.end());
    if (!attempt.span_files.empty() || !attempt.hdf5_files.empty()) attempts.push_back(std::move(attempt));
  }
  return attempts;
}

AttemptTrace read_attempt(const TracedAttempt& attempt, const Log& log) {
  std::vector<RankTrace> ranks;
  std::set<int32_t> known;
  // A crash between the HDF5 file and the removal of what it was made of leaves both.
  const auto add = [&](RankTrace rank) {
    if (!rank.damage.empty()) log.warning(rank.damage);
    if (known.insert(rank.info.rank).second) ranks.push_back(std::move(rank));
  };
  const auto try_to = [&](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      log.warning(error.what());
    }
  };
  for (const fs::path& file : attempt.hdf5_files) {
    try_to([&] {
      for (RankTrace& rank : read_trace_file(file)) add(std::move(rank));
    });
  }
  for (const fs::path& file : attempt.span_files) try_to([&] { add(align(read_span_file(file))); });
  if (ranks.empty())
    throw ConfigError(cat("no trace of attempt ", attempt.attempt, " can be read"), "give another --attempt");
  return gather(std::move(ranks));
}

void convert_span_files(const TracedAttempt& attempt, const Log& log) {
  std::map<std::string, std::vector<fs::path>> by_host;
  for (const fs::path& file : attempt.span_files) {
    try {
      by_host[read_span_head(file).host].push_back(file);
    } catch (const ConfigError& error) {
      log.warning(error.what());
    }
  }
  for (const auto& [host, files] : by_host) {
    const fs::path folder = files.front().parent_path();
    const fs::path to = folder / cat(trace_prefix(attempt.part, attempt.attempt), ".", host, kHdf5);
    if (!fs::exists(to)) write_trace_file(to, files);
    for (const fs::path& file : files) fs::remove(file);
  }
}

}  // namespace ditmesh
