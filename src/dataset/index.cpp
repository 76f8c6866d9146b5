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
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/contact_sheet.hpp"
#include "hdf5.hpp"
#include "index_bucket.hpp"
#include "sample_table.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

// Where a row of the index comes from.
struct Origin {
  int64_t row = 0;
  int32_t copy = 0;
  uint32_t shard = 0;
  uint32_t position = 0;

  auto operator<=>(const Origin&) const = default;
};

// In manifest order.
std::vector<Origin> origins_of(const std::filesystem::path& output, const std::vector<ScannedShard>& shards) {
  std::vector<Origin> origins;
  for (uint32_t shard = 0; shard < shards.size(); ++shard) {
    const ScannedShard& scanned = shards[shard];
    for (uint32_t i = 0; i < scanned.rows.size(); ++i) {
      origins.push_back({scanned.rows[i], scanned.copies.at(i), shard, i});
    }
  }
  std::sort(origins.begin(), origins.end());
  const auto twice = std::adjacent_find(origins.begin(), origins.end(), [](const Origin& a, const Origin& b) {
    return std::tie(a.row, a.copy) == std::tie(b.row, b.copy);
  });
  if (twice != origins.end()) {
    throw ConfigError(cat("row ", twice->row, " copy ", twice->copy, " stands in ",
                          shard_path(output, shards[twice->shard].name), " and in ",
                          shard_path(output, shards[std::next(twice)->shard].name)),
                      "the shards are of different jobs, remove those of one");
  }
  return origins;
}

ImageFormat format_of(const std::filesystem::path& output, const std::vector<ScannedShard>& shards) {
  for (const ScannedShard& shard : shards) {
    if (shard.format == shards.front().format) continue;
    throw ConfigError(cat(shard_path(output, shards.front().name), " holds pictures as ",
                          shards.front().format, ", ", shard_path(output, shard.name), " as ", shard.format),
                      "the shards are of different jobs, remove those of one");
  }
  return shards.empty() ? ImageFormat{} : shards.front().format;
}

// Buckets by first appearance, with their shards in the order of their rows. Takes the rows out of the
// shards: once in memory is enough.
std::vector<IndexedBucket> indexed_buckets(std::vector<ScannedShard>& shards,
                                           const std::vector<Origin>& origins) {
  std::vector<IndexedBucket> buckets;
  std::map<std::string, size_t> bucket_of_name;
  std::vector<bool> seen(shards.size());
  for (const Origin& origin : origins) {
    if (seen[origin.shard]) continue;
    seen[origin.shard] = true;
    ScannedShard& shard = shards[origin.shard];
    const auto [place, is_new] = bucket_of_name.try_emplace(shard.bucket, buckets.size());
    if (is_new) buckets.push_back({shard.bucket, {}, {}});
    IndexedBucket& bucket = buckets[place->second];
    bucket.shards.push_back({shard.name, shard.begin, static_cast<int64_t>(shard.rows.size())});
    const auto end = static_cast<size_t>(shard.begin) + shard.rows.size();
    if (bucket.rows.size() < end) bucket.rows.resize(end, -1);  // -1 where a shard is not there
    std::copy(shard.rows.begin(), shard.rows.end(), bucket.rows.begin() + shard.begin);
    shard.rows = {};
  }
  return buckets;
}

// The columns of the index, filled block after block.
class IndexColumns {
 public:
  IndexColumns(hid_t file, const std::filesystem::path& output, const std::vector<ScannedShard>& shards,
               const std::vector<Origin>& origins)
      : output_(output), shards_(shards), origins_(origins), group_(create_group(file, "samples")) {
    for (const ScannedShard& shard : shards) create_columns_of(shard);
  }

  // All columns of some rows of the index, by name.
  using Block = std::map<std::string, Column>;

  /// Copies every row, and shows the caller each block before it is forgotten.
  template <typename Visit>
  void fill(Visit visit) {
    for (size_t begin = 0; begin < origins_.size(); begin += kColumnChunkRows) {
      const size_t end = std::min(origins_.size(), begin + kColumnChunkRows);
      const Block block = read_block(begin, end);
      for (const auto& [name, column] : block) column.write_rows(datasets_.at(name).get(), begin);
      visit(block);
    }
  }

 private:
  void create_columns_of(const ScannedShard& shard) {
    std::optional<Hdf5Handle> file;
    for (const std::string& name : shard.columns) {
      if (datasets_.contains(name)) continue;
      if (!file) file.emplace(open_hdf5_file(shard_path(output_, shard.name)));
      const Hdf5Handle group = open_group(file->get(), "samples");
      Column pattern = Column::read_rows(group.get(), name, 0, 0);
      datasets_.emplace(name, pattern.create(group_.get(), name, column_units(name), origins_.size()));
      patterns_.emplace(name, std::move(pattern));
    }
  }

  // Rows [begin, end) of the index; zeros where a shard lacks a column.
  Block read_block(size_t begin, size_t end) const {
    Block block;
    for (const auto& [name, pattern] : patterns_) block.emplace(name, pattern.empty_like(end - begin));
    std::map<uint32_t, std::vector<size_t>> rows_of_shard;
    for (size_t i = begin; i < end; ++i) rows_of_shard[origins_[i].shard].push_back(i);
    for (const auto& [shard, rows] : rows_of_shard) read_shard(shards_[shard], rows, begin, block);
    return block;
  }

  void read_shard(const ScannedShard& shard, const std::vector<size_t>& rows, size_t block_begin,
                  Block& block) const {
    const auto by_position = [&](size_t a, size_t b) { return origins_[a].position < origins_[b].position; };
    const auto [first, last] = std::minmax_element(rows.begin(), rows.end(), by_position);
    const size_t first_position = origins_[*first].position;
    const size_t count = origins_[*last].position - first_position + 1;
    const Hdf5Handle file = open_hdf5_file(shard_path(output_, shard.name));
    const Hdf5Handle group = open_group(file.get(), "samples");
    for (const std::string& name : shard.columns) {
      Column part = Column::read_rows(group.get(), name, first_position, count);
      Column& all = block.at(name);
      for (const size_t i : rows) all.take(i - block_begin, part, origins_[i].position - first_position);
    }
  }

  const std::filesystem::path& output_;
  const std::vector<ScannedShard>& shards_;
  const std::vector<Origin>& origins_;
  Hdf5Handle group_;
  std::map<std::string, Hdf5Handle> datasets_;
  std::map<std::string, Column> patterns_;  // without rows
};

// `done`: rows of the index that have pixels.
void write_preview(hid_t file, const std::filesystem::path& output, const std::vector<ScannedShard>& shards,
                   const std::vector<Origin>& origins, const std::vector<uint32_t>& done,
                   int64_t max_pictures) {
  if (done.empty() || max_pictures < 1) return;
  const auto origin = [&](int64_t number) { return origins[done[static_cast<size_t>(number)]]; };
  const auto opened = [&](const Origin& from) {
    return ShardFile(output, shards[from.shard].name, shards[from.shard].bucket);
  };
  const auto picture = [&](int64_t number) {
    return opened(origin(number)).read_image(origin(number).position);
  };
  const auto caption = [&](int64_t number) {
    const ShardFile shard = opened(origin(number));
    const Hdf5Handle samples = open_group(shard.file(), "samples");
    return Column::read_rows(samples.get(), "prompt", origin(number).position, 1).texts().front();
  };
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

IndexResult write_index_of(const std::filesystem::path& output, std::vector<ScannedShard> shards,
                           const IndexOptions& options, const Log& log) {
  const std::filesystem::path path = output / "dataset.h5";
  const std::filesystem::path temporary = path.string() + ".tmp";
  std::sort(shards.begin(), shards.end(),
            [](const ScannedShard& a, const ScannedShard& b) { return a.name < b.name; });
  const std::vector<Origin> origins = origins_of(output, shards);
  const ImageFormat format = format_of(output, shards);

  Hdf5Handle file = create_hdf5_file(temporary);
  write_attribute(file.get(), "format_version", int64_t{kFormatVersion});
  write_attribute(file.get(), kImageFormat, format.to_string());
  IndexResult result;
  result.num_shards = static_cast<int64_t>(shards.size());
  std::vector<uint32_t> done;
  {
    ContentHash hash;
    uint32_t row = 0;
    IndexColumns(file.get(), output, shards, origins).fill([&](const IndexColumns::Block& block) {
      const auto ids = block.at("id").texts();
      const auto copies = block.at("copy").ints();
      const auto sha256s = block.at("sha256").texts();
      const auto statuses = block.at("status").statuses();
      for (size_t i = 0; i < ids.size(); ++i, ++row) {
        hash.add(ids[i], static_cast<int32_t>(copies[i]), sha256s[i]);
        result.counts.add(statuses[i]);
        if (statuses[i] == SampleStatus::done) done.push_back(row);
      }
    });
    result.content_hash = hash.hex_digest();
  }
  write_attribute(file.get(), "content_hash", result.content_hash);
  write_links(file.get(), shards);
  for (const IndexedBucket& bucket : indexed_buckets(shards, origins)) {
    write_bucket(file.get(), output, bucket, format, options.max_virtual_shards);
  }
  write_preview(file.get(), output, shards, origins, done, options.preview_pictures);
  file.close(cat("close ", temporary));
  test_pause("index-write");
  rename_durably(temporary, path);
  log.info(cat("wrote ", path, ": ", result.counts, " in ", counted(result.num_shards, "shard")));
  return result;
}

IndexResult write_index(const std::filesystem::path& output, const IndexOptions& options, const Log& log) {
  return write_index_of(output, scan_shards(output), options, log);
}

}  // namespace ditmesh
