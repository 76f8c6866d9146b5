// Whether a dataset is complete, before an export reads all of it.

#include <algorithm>
#include <iterator>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/export.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/shard_census.hpp"
#include "ditmesh/dataset/unfinished.hpp"
#include "export_source.hpp"
#include "index_file.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxCommands = 3;

std::vector<std::string> difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> only_a;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only_a));
  return only_a;
}

[[noreturn]] void refuse_unfinished(const fs::path& folder) {
  const Unfinished unfinished = inspect_unfinished(folder);
  const std::string rule =
      cat(folder, " is not finished: it has no dataset.h5; in its shards are ", unfinished.in_shards);
  if (unfinished.only_index_is_missing)
    throw ConfigError(rule, cat("make the index with ditmesh index ", folder.string()));
  std::vector<std::string> commands;
  for (const auto* parts : {&unfinished.parts, &unfinished.missing_parts}) {
    for (const UnfinishedPart& part : *parts) commands.push_back(part.go_on);
  }
  if (commands.empty()) commands.emplace_back("ditmesh generate");
  if (commands.size() > kMaxCommands) commands.resize(kMaxCommands);
  throw ConfigError(rule,
                    cat("finish it with ", join(commands, ", "), "; or export what is there: ditmesh index ",
                        folder.string(), ", then ditmesh export with --unverified"));
}

// The index against the folder of shards.
void check_shards(const IndexFile& index) {
  const auto present = shard_names(index.folder);
  std::vector<std::string> indexed;
  if (has_link(index.file.get(), "by_shard"))
    indexed = member_names(open_group(index.file.get(), "by_shard").get());
  std::sort(indexed.begin(), indexed.end());
  if (const auto missing = difference(indexed, present); !missing.empty()) {
    throw EnvironmentError(
        cat("the index names ", counted(static_cast<int64_t>(missing.size()), "shard"),
            missing.size() == 1 ? " that is not there: " : " that are not there, first ", missing.front()),
        cat("bring the shards back, or run ditmesh generate again with the job's settings; ", kUnverified));
  }
  if (const auto more = difference(present, indexed); !more.empty()) {
    throw EnvironmentError(
        cat(counted(static_cast<int64_t>(more.size()), "shard"), " of ", index.folder,
            more.size() == 1 ? " is not in the index: " : " are not in the index, first ", more.front()),
        cat("run ditmesh index ", index.folder.string(), "; ", kUnverified));
  }
}

}  // namespace

void check_export(const fs::path& path, const fs::path& to, bool is_verified) {
  const fs::path folder = fs::is_regular_file(path) ? path.parent_path() / "." : path;
  if (fs::is_directory(folder) && is_inside(to, folder)) {
    throw ConfigError(cat("--to ", to, " is inside of the dataset ", path, ", which holds nothing else"),
                      "give a place beside it");
  }
  if (is_unfinished(path)) refuse_unfinished(path);
  if (!is_verified) return;
  const IndexFile index = open_index(path);
  check_shards(index);
  const ShardCensus census = take_census(index.folder);
  if (!census.is_known || census.is_complete()) return;
  throw ConfigError(cat(index.folder, " is not complete: ", join(absences(census), "; ")),
                    cat("finish the job (ditmesh inspect says how far it is) and run ditmesh index ",
                        index.folder.string(), "; ", kUnverified));
}

}  // namespace ditmesh
