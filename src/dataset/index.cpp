#include "ditmesh/dataset/index.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/contact_sheet.hpp"
#include "hdf5.hpp"
#include "index_bucket.hpp"
#include "sample_table.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

// Where row i of the index comes from.
struct Origin {
  int64_t row = 0;
  int32_t copy = 0;
  uint32_t shard = 0;
  uint32_t position = 0;

  auto operator<=>(const Origin&) const = default;
};

std::vector<std::filesystem::path> shard_paths(const std::filesystem::path& output) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(output / "shards", error)) {
    if (file.path().extension() == ".h5") paths.push_back(file.path());
  }
  if (paths.empty()) {
    throw ConfigError(
        cat(output, " holds no shards (", output / "shards", error ? " is not there" : " is empty", ")"),
        "give the folder that ditmesh generate wrote to, or let it run until a shard is complete");
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// All columns of all shards, one column in memory at a time: an index of ten
// million rows is made in the memory that its longest column takes.
class ColumnMerger {
 public:
  explicit ColumnMerger(std::vector<std::filesystem::path> paths) : paths_(std::move(paths)) {
    for (uint32_t shard = 0; shard < paths_.size(); ++shard) add_shard(shard);
    std::sort(origins_.begin(), origins_.end());
    const auto twice = std::adjacent_find(
        origins_.begin(), origins_.end(),
        [](const Origin& a, const Origin& b) { return std::tie(a.row, a.copy) == std::tie(b.row, b.copy); });
    if (twice != origins_.end()) {
      throw ConfigError(cat("row ", twice->row, " copy ", twice->copy, " stands in ", paths_[twice->shard],
                            " and in ", paths_[std::next(twice)->shard]),
                        "the shards are of different jobs, remove those of one");
    }
    target_.resize(paths_.size());
    for (size_t i = 0; i < origins_.size(); ++i) {
      auto& targets = target_[origins_[i].shard];
      if (targets.size() <= origins_[i].position) targets.resize(origins_[i].position + 1);
      targets[origins_[i].position] = i;
    }
  }

  const std::vector<std::string>& names() const { return names_; }
  size_t num_rows() const { return origins_.size(); }

  /// The column in manifest order; zeros where a shard lacks it.
  Column merged(const std::string& name) const {
    std::optional<Column> all;
    for (size_t shard = 0; shard < paths_.size(); ++shard) {
      const Hdf5Handle file = open_hdf5_file(paths_[shard]);
      const Hdf5Handle group = open_group(file.get(), "samples");
      if (!has_link(group.get(), name)) continue;
      Column part = Column::read(group.get(), name);
      if (!all) all.emplace(part.empty_like(origins_.size()));
      for (size_t i = 0; i < part.num_rows(); ++i) all->take(target_[shard].at(i), part, i);
    }
    if (!all) throw EnvironmentError(cat("no shard has the column ", name), "make the dataset again");
    return std::move(*all);
  }

 private:
  void add_shard(uint32_t shard) {
    const Hdf5Handle file = open_hdf5_file(paths_[shard]);
    check_format_version(file.get(), paths_[shard]);
    const Hdf5Handle group = open_group(file.get(), "samples");
    for (const std::string& name : member_names(group.get())) {
      if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.push_back(name);
    }
    const auto rows = Column::read(group.get(), "row").ints();
    const auto copies = Column::read(group.get(), "copy").ints();
    for (size_t i = 0; i < rows.size(); ++i) {
      origins_.push_back({rows[i], static_cast<int32_t>(copies.at(i)), shard, static_cast<uint32_t>(i)});
    }
  }

  std::vector<std::filesystem::path> paths_;
  std::vector<std::string> names_;
  std::vector<Origin> origins_;
  std::vector<std::vector<size_t>> target_;  // [shard][position] → row of the index
};

// The columns that the rest of the index is made from.
struct KeyColumns {
  std::vector<std::string> id;
  std::vector<std::string> sha256;
  std::vector<int64_t> copy;
  std::vector<int64_t> row;
  std::vector<SampleStatus> status;
  std::vector<std::string> bucket;
  std::vector<std::string> shard;
  std::vector<int64_t> index_in_bucket;
  std::vector<int64_t> index_in_shard;

  void keep(const std::string& name, const Column& column) {
    if (name == "id") id = column.texts();
    if (name == "sha256") sha256 = column.texts();
    if (name == "copy") copy = column.ints();
    if (name == "row") row = column.ints();
    if (name == "status") status = column.statuses();
    if (name == "bucket") bucket = column.texts();
    if (name == "shard") shard = column.texts();
    if (name == "index_in_bucket") index_in_bucket = column.ints();
    if (name == "index_in_shard") index_in_shard = column.ints();
  }
};

// Buckets by first appearance, with their shards in the order of their rows.
std::vector<IndexedBucket> indexed_buckets(const KeyColumns& key) {
  std::vector<IndexedBucket> buckets;
  std::map<std::string, size_t> bucket_of_name;
  std::map<std::string, size_t> shard_of_name;
  for (size_t i = 0; i < key.row.size(); ++i) {
    const auto [place, is_new] = bucket_of_name.try_emplace(key.bucket[i], buckets.size());
    if (is_new) buckets.push_back({key.bucket[i], {}, {}});
    IndexedBucket& bucket = buckets[place->second];
    const auto [shard_place, is_new_shard] = shard_of_name.try_emplace(key.shard[i], bucket.shards.size());
    if (is_new_shard)
      bucket.shards.push_back({key.shard[i], key.index_in_bucket[i] - key.index_in_shard[i], 0});
    ++bucket.shards[shard_place->second].size;
    const auto at = static_cast<size_t>(key.index_in_bucket[i]);
    if (bucket.rows.size() <= at) bucket.rows.resize(at + 1, -1);  // -1 where a shard is not there
    bucket.rows[at] = key.row[i];
  }
  return buckets;
}

void write_preview(hid_t file, const std::filesystem::path& output, const KeyColumns& key,
                   const std::vector<std::string>& prompts, int64_t max_pictures) {
  std::vector<size_t> done;
  for (size_t i = 0; i < key.status.size(); ++i) {
    if (key.status[i] == SampleStatus::done) done.push_back(i);
  }
  if (done.empty() || max_pictures < 1) return;
  const auto picture = [&](int64_t number) {
    const size_t i = done[static_cast<size_t>(number)];
    return ShardFile(output, key.shard[i], key.bucket[i]).read_image(key.index_in_shard[i]);
  };
  const auto caption = [&](int64_t number) { return prompts[done[static_cast<size_t>(number)]]; };
  ContactSheetOptions options;
  options.max_pictures = max_pictures;
  const ContactSheet sheet = make_contact_sheet(static_cast<int64_t>(done.size()), picture, caption, options);
  write_hdf5_image(file, "preview", sheet.image);
}

}  // namespace

void ContentHash::add(const std::string& id, int32_t copy, const std::string& sha256) {
  hash_.update(Json::array({id, copy, sha256}).dump());
  hash_.update("\n");
}

IndexResult write_index(const std::filesystem::path& output, const IndexOptions& options, const Log& log) {
  const auto paths = shard_paths(output);
  const std::filesystem::path path = output / "dataset.h5";
  const std::filesystem::path temporary = path.string() + ".tmp";
  const ColumnMerger merger(paths);

  Hdf5Handle file = create_hdf5_file(temporary);
  write_attribute(file.get(), "format_version", int64_t{kFormatVersion});
  KeyColumns key;
  std::vector<std::string> prompts;
  {
    const Hdf5Handle samples = create_group(file.get(), "samples");
    for (const std::string& name : merger.names()) {
      const Column column = merger.merged(name);
      column.write(samples.get(), name, column_units(name));
      key.keep(name, column);
      if (name == "prompt" && options.preview_pictures > 0) prompts = column.texts();
    }
  }
  IndexResult result;
  result.num_shards = static_cast<int64_t>(paths.size());
  ContentHash hash;
  for (size_t i = 0; i < key.row.size(); ++i) {
    hash.add(key.id[i], static_cast<int32_t>(key.copy[i]), key.sha256[i]);
    result.counts.add(key.status[i]);
  }
  result.content_hash = hash.hex_digest();
  write_attribute(file.get(), "content_hash", result.content_hash);
  write_links(file.get(), paths);
  for (const IndexedBucket& bucket : indexed_buckets(key)) {
    write_bucket(file.get(), output, bucket, options.max_virtual_shards);
  }
  write_preview(file.get(), output, key, prompts, options.preview_pictures);
  file.close(cat("close ", temporary));
  rename_durably(temporary, path);
  log.info(cat("wrote ", path, ": ", result.counts, " in ", counted(result.num_shards, "shard")));
  return result;
}

}  // namespace ditmesh
