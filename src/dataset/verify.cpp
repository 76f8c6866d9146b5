#include "ditmesh/dataset/verify.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/output_lock.hpp"
#include "ditmesh/dataset/shard_census.hpp"
#include "hdf5.hpp"
#include "index_file.hpp"
#include "index_rows.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

std::vector<std::string> indexed_shards(hid_t index) {
  if (!has_link(index, "by_shard")) return {};
  auto names = member_names(open_group(index, "by_shard").get());
  std::sort(names.begin(), names.end());
  return names;
}

bool contains(const std::vector<std::string>& sorted, const std::string& name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

// Sizes by name, as the job files say; a job file that cannot be read is verify_folder()'s to tell.
std::map<std::string, int64_t> recorded_sizes(const std::filesystem::path& output) {
  std::map<std::string, int64_t> sizes;
  try {
    for (const JobRecord& record : read_job_records(output)) {
      for (const RecordedShard& shard : record.shards) sizes[shard.name] = shard.num_samples;
    }
  } catch (const ConfigError&) {
    sizes.clear();
  }
  return sizes;
}

// One shard against its own hashes and against the index.
class ShardCheck {
 public:
  ShardCheck(const std::filesystem::path& output, hid_t index, IndexRows& index_rows, VerifyReport& report,
             const VerifyProgress& progress)
      : output_(output),
        index_(index),
        index_format_(read_image_format(index, output / "dataset.h5")),
        index_rows_(index_rows),
        report_(report),
        progress_(progress) {}

  void check(const std::string& name, bool is_indexed, std::optional<int64_t> recorded_size) {
    try {
      const ShardFile shard(output_, name);
      const Hdf5Handle samples = open_group(shard.file(), "samples");
      const auto columns = member_names(samples.get());
      const size_t num_rows = shape_of(open_dataset(samples.get(), "row").get()).at(0);
      if (recorded_size && *recorded_size != static_cast<int64_t>(num_rows)) {
        report_.add(ProblemKind::record,
                    cat("the shard ", name, " holds ", counted(static_cast<int64_t>(num_rows), "sample"),
                        ", the job file says ", *recorded_size));
      }
      if (is_indexed) check_format(shard);
      for (size_t begin = 0; begin < num_rows; begin += kColumnChunkRows) {
        const size_t count = std::min(kColumnChunkRows, num_rows - begin);
        Block block;
        for (const std::string& column : columns) {
          block.emplace(column, Column::read_rows(samples.get(), column, begin, count));
        }
        if (is_indexed) check_rows(name, begin, block);
        if (is_indexed) check_bucket(name, block);
        check_pixels(shard, begin, block);
      }
    } catch (const EnvironmentError& error) {
      report_.add(ProblemKind::shard, cat("the shard ", name, ": ", error.what()));
    }
  }

 private:
  using Block = std::map<std::string, Column>;

  static std::string sample_name(const Block& block, size_t i) {
    return cat("sample '", block.at("id").show(i), "' copy ", block.at("copy").show(i));
  }

  // `begin`: position in the shard of the block's first row.
  void check_rows(const std::string& name, size_t begin, const Block& block) {
    const auto rows = block.at("row").ints();
    const auto copies = block.at("copy").ints();
    const auto shards = block.at("shard").texts();
    const auto positions = block.at("index_in_shard").ints();
    for (size_t i = 0; i < rows.size(); ++i) {
      if (shards[i] != name || positions[i] != static_cast<int64_t>(begin + i)) {
        report_.add(ProblemKind::row,
                    cat(sample_name(block, i), " stands in the shard ", name, " at ", begin + i,
                        ", but says that it is in ", shards[i], " at ", positions[i]));
      }
      const auto at = index_rows_.find(rows[i], copies[i]);
      if (!at) {
        report_.add(ProblemKind::row, cat(sample_name(block, i), " (row ", rows[i], ") of the shard ", name,
                                          " is not in the index"));
        continue;
      }
      ++report_.num_found_rows;
      compare_row(name, block, i, index_rows_.block(*at), IndexRows::row_in_block(*at));
    }
  }

  void compare_row(const std::string& name, const Block& block, size_t i, const Block& indexed, size_t j) {
    for (const auto& [column, values] : block) {
      const auto there = indexed.find(column);
      if (there != indexed.end() && values.same(i, there->second, j)) continue;
      report_.add(ProblemKind::row,
                  cat(sample_name(block, i), ": ", column, " is '", values.show(i), "' in the shard ", name,
                      there == indexed.end() ? ", the index has no such column"
                                             : cat(", '", there->second.show(j), "' in the index")));
    }
  }

  void check_format(const ShardFile& shard) {
    if (shard.image_format() != index_format_) {
      report_.add(ProblemKind::index, cat("the shard ", shard.name(), " holds pictures as ",
                                          shard.image_format(), ", the index says ", index_format_));
    }
    if (shard.image_format().is_raw()) return;
    if (const std::string told = shard.media_type(); told != shard.image_format().media_type()) {
      report_.add(ProblemKind::shard,
                  cat("the shard ", shard.name(), " holds pictures as ", shard.image_format(),
                      ", the media type of its encoded says '", told, "'"));
    }
  }

  // What is wrong with a picture; empty if nothing is. Throws EnvironmentError if it cannot be read.
  static std::string fault_of(const ShardFile& shard, int64_t position, const std::string& sha256,
                              const std::string& encoded_sha256) {
    if (shard.image_format().is_raw())
      return hash_fault("the pixels have", pixel_sha256(shard.read_image(position)), sha256);
    const std::string encoded = shard.read_encoded(position);
    std::string fault = hash_fault("the encoded picture has", sha256_hex(encoded), encoded_sha256);
    if (!fault.empty()) return fault;
    const Image image = shard.decode(encoded, position);
    return shard.image_format().is_lossless() ? hash_fault("the pixels have", pixel_sha256(image), sha256)
                                              : "";
  }

  static std::string hash_fault(std::string_view what, const std::string& found,
                                const std::string& recorded) {
    return found == recorded ? "" : cat(what, " the SHA-256 ", found, ", recorded is ", recorded);
  }

  void check_pixels(const ShardFile& pictures, size_t begin, const Block& block) {
    const auto statuses = block.at("status").statuses();
    const auto sha256s = block.at("sha256").texts();
    auto encoded_sha256s = sha256s;  // raw pictures have none
    if (!pictures.image_format().is_raw()) encoded_sha256s = block.at("encoded_sha256").texts();
    for (size_t i = 0; i < statuses.size(); ++i) {
      report_.counts.add(statuses[i]);
      if (statuses[i] != SampleStatus::done) continue;
      try {
        const std::string fault =
            fault_of(pictures, static_cast<int64_t>(begin + i), sha256s[i], encoded_sha256s[i]);
        if (!fault.empty()) {
          report_.add(ProblemKind::pixels,
                      cat(sample_name(block, i), " in the shard ", pictures.name(), ": ", fault));
        }
      } catch (const EnvironmentError& error) {
        report_.add(ProblemKind::pixels, cat(sample_name(block, i), ": ", error.what()));
      }
      ++report_.num_hashed;
      if (progress_) progress_(report_.num_hashed);
    }
  }

  // /BUCKET/row of the index over the block's part of the bucket.
  void check_bucket(const std::string& name, const Block& block) {
    const auto rows = block.at("row").ints();
    const std::string bucket = block.at("bucket").show(0);
    const int64_t begin = block.at("index_in_bucket").ints().front();
    bool is_same = begin >= 0 && has_link(index_, bucket);
    if (is_same) {
      const Hdf5Handle group = open_group(index_, bucket);
      const size_t size = shape_of(open_dataset(group.get(), "row").get()).at(0);
      is_same = static_cast<size_t>(begin) + rows.size() <= size &&
                Column::read_rows(group.get(), "row", static_cast<size_t>(begin), rows.size()).ints() == rows;
    }
    if (!is_same) {
      report_.add(ProblemKind::index,
                  cat("/", bucket, "/row of the index does not say which rows the shard ", name, " holds"));
    }
  }

  const std::filesystem::path& output_;
  hid_t index_;
  ImageFormat index_format_;
  IndexRows& index_rows_;
  VerifyReport& report_;
  const VerifyProgress& progress_;
};

// Of the index's own columns, a block at a time.
std::string content_hash_of(hid_t index, size_t num_rows) {
  const Hdf5Handle samples = open_group(index, "samples");
  ContentHash hash;
  for (size_t begin = 0; begin < num_rows; begin += kColumnChunkRows) {
    const size_t count = std::min(kColumnChunkRows, num_rows - begin);
    const auto ids = Column::read_rows(samples.get(), "id", begin, count).texts();
    const auto copies = Column::read_rows(samples.get(), "copy", begin, count).ints();
    const auto sha256s = Column::read_rows(samples.get(), "sha256", begin, count).texts();
    for (size_t i = 0; i < count; ++i) hash.add(ids[i], static_cast<int32_t>(copies[i]), sha256s[i]);
  }
  return hash.hex_digest();
}

void check_records(const std::filesystem::path& output, const std::vector<std::string>& indexed,
                   const ImageFormat& index_format, VerifyReport& report) {
  std::vector<JobRecord> records;
  try {
    records = read_job_records(output);
  } catch (const ConfigError& error) {
    report.add(ProblemKind::record, error.what());
  }
  const ShardCensus census = take_census(output, records, shard_names(output));
  for (const Part& part : census.missing_parts) {
    report.add(ProblemKind::record, cat(part, " of the job has no ", part.file_name(".json")));
  }
  for (const std::string& name : census.missing) {
    // One that the index names too is told by whoever checks it.
    if (!contains(indexed, name))
      report.add(ProblemKind::record, cat("the shard ", name, " of the job is not there"));
  }
  for (const std::string& name : census.foreign) {
    report.add(ProblemKind::record, cat("no job file names the shard ", name));
  }
  // The files of a job that runs are none.
  const bool is_running = !lock_owners(output).empty();
  for (const std::string& name : is_running ? std::vector<std::string>() : census.leftover) {
    report.add(ProblemKind::leftover, cat(name, " was left over by a job that did not end"));
  }
  if (records.empty()) return;
  const JobRecord& record = records.front();
  if (record.num_samples != report.num_index_rows) {
    report.add(ProblemKind::record,
               cat(record.part.file_name(".json"), " says that there are ", record.num_samples,
                   " samples, the index holds ", report.num_index_rows));
  }
  if (record.image_format != index_format.to_string()) {
    report.add(ProblemKind::record, cat(record.part.file_name(".json"), " says that pictures are stored as ",
                                        record.image_format, ", the index says ", index_format));
  }
  if (record.part.is_whole() && !record.content_hash.empty() && record.content_hash != report.content_hash) {
    report.add(ProblemKind::record, cat("the index's rows give the content hash ", report.content_hash,
                                        ", job.json says ", record.content_hash));
  }
}

}  // namespace

VerifyReport verify_shards(const std::filesystem::path& path, int rank, int num_ranks,
                           const VerifyProgress& progress) {
  const IndexFile index = open_index(path);
  const auto indexed = indexed_shards(index.file.get());
  const auto present = shard_names(index.folder);
  std::vector<std::string> all;
  std::set_union(indexed.begin(), indexed.end(), present.begin(), present.end(), std::back_inserter(all));
  const auto sizes = recorded_sizes(index.folder);

  VerifyReport report;
  IndexRows index_rows(index.file.get());
  ShardCheck shard_check(index.folder, index.file.get(), index_rows, report, progress);
  for (auto i = static_cast<size_t>(rank); i < all.size(); i += static_cast<size_t>(num_ranks)) {
    const std::string& name = all[i];
    if (!contains(present, name)) {
      report.add(ProblemKind::shard, cat("the shard ", name, " is not there, the index names it"));
      continue;
    }
    const bool is_indexed = contains(indexed, name);
    if (!is_indexed)
      report.add(ProblemKind::shard, cat("the shard ", name, " is there, but not in the index"));
    const auto size = sizes.find(name);
    shard_check.check(name, is_indexed, size == sizes.end() ? std::nullopt : std::optional(size->second));
  }
  return report;
}

VerifyReport verify_folder(const std::filesystem::path& path) {
  const IndexFile index = open_index(path);
  VerifyReport report;
  const IndexRows rows(index.file.get());
  report.num_index_rows = static_cast<int64_t>(rows.size());
  if (!rows.is_sorted()) report.add(ProblemKind::index, "the rows of the index are not in manifest order");
  report.content_hash = content_hash_of(index.file.get(), rows.size());
  const std::string told = read_text_attribute(index.file.get(), "content_hash");
  if (report.content_hash != told) {
    report.add(ProblemKind::index, cat("the index's rows give the content hash ", report.content_hash,
                                       ", its attribute says ", told));
  }
  check_records(index.folder, indexed_shards(index.file.get()),
                read_image_format(index.file.get(), index.folder / "dataset.h5"), report);
  return report;
}

VerifyReport merge_reports(const VerifyReport& folder, const std::vector<VerifyReport>& shards) {
  VerifyReport all = folder;
  for (const VerifyReport& share : shards) all.merge(share);
  if (all.num_found_rows != all.num_index_rows) {
    all.add(ProblemKind::index, cat(all.num_index_rows - all.num_found_rows, " of the ", all.num_index_rows,
                                    " rows of the index are in no shard that can be read"));
  }
  if (all.has(ProblemKind::pixels) || all.has(ProblemKind::row) || all.has(ProblemKind::shard) ||
      all.has(ProblemKind::index)) {
    all.content_hash.clear();
  }
  return all;
}

VerifyReport verify_dataset(const std::filesystem::path& path, const VerifyProgress& progress) {
  return merge_reports(verify_folder(path), {verify_shards(path, 0, 1, progress)});
}

}  // namespace ditmesh
