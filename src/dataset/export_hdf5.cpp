// One self-contained HDF5 file: the columns of the index and the pictures themselves.

#include <algorithm>
#include <map>
#include <memory>

#include "bucket_writer.hpp"
#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/export_text.hpp"
#include "ditmesh/dataset/index.hpp"
#include "export_pieces.hpp"
#include "index_bucket.hpp"
#include "sample_table.hpp"
#include "temporary_file.hpp"

namespace ditmesh {

namespace {

constexpr size_t kSha256Digits = 64;

using Rows = std::span<const uint32_t>;

// Calls visit(begin, count, rows) for the runs of `rows` that stand in the same chunk of the index, with the
// range of the index from the first of them to the last.
template <typename Visit>
void for_each_chunk(Rows rows, Visit visit) {
  while (!rows.empty()) {
    const size_t chunk_end = (rows.front() / kColumnChunkRows + 1) * kColumnChunkRows;
    const auto end = std::lower_bound(rows.begin(), rows.end(), chunk_end);
    const Rows run = rows.first(static_cast<size_t>(end - rows.begin()));
    visit(size_t{run.front()}, size_t{run.back()} - run.front() + 1, run);
    rows = rows.subspan(run.size());
  }
}

std::string units_of(const std::string& column) {
  if (column == "shard") return "shard of the exported dataset that held the picture";
  if (column == "index_in_shard") return "row of the bucket in that shard, from 0";
  return column_units(column);
}

std::string position_of(const std::string& bucket, const ImageFormat& format) {
  return cat("/", bucket, "/", format.is_raw() ? "images" : "encoded",
             "[INDEX], with INDEX of a sample in /samples/index_in_bucket");
}

// A bucket of the new file, filled from its beginning.
struct NewBucket {
  std::unique_ptr<BucketWriter> writer;
  std::vector<int64_t> rows;  // of the manifest
};

class Hdf5Export {
 public:
  Hdf5Export(const PieceContent& content, hid_t file)
      : content_(content),
        source_(content.source),
        file_(file),
        samples_(open_group(source_.index(), "samples")),
        group_(create_group(file, "samples")) {
    for (const std::string& name : member_names(samples_.get())) {
      const Column pattern = Column::read_rows(samples_.get(), name, 0, 0);
      columns_.emplace(name, pattern.create(group_.get(), name, units_of(name), content.rows.size()));
    }
    create_buckets();
  }

  void write() {
    for (size_t begin = 0; begin < content_.rows.size(); begin += kColumnChunkRows) {
      const size_t count = std::min(kColumnChunkRows, content_.rows.size() - begin);
      write_block(begin, content_.rows.subspan(begin, count));
    }
    for (const std::string& name : bucket_names_) {
      buckets_.at(name).writer->write_rows(buckets_.at(name).rows);
      const Hdf5Handle bucket = open_group(file_, name);
      write_attribute(bucket.get(), "pixels_are_in", position_of(name, source_.image_format()));
    }
    write_preview();
  }

  const PieceResult& result() const { return result_; }
  std::string content_hash() { return hash_.hex_digest(); }

 private:
  using Block = std::map<std::string, Column>;

  void create_buckets() {
    std::map<std::string, size_t> sizes;
    for_each_chunk(content_.rows, [&](size_t begin, size_t count, Rows rows) {
      const auto names = Column::read_rows(samples_.get(), "bucket", begin, count).texts();
      for (const uint32_t row : rows) {
        const std::string& name = names[row - begin];
        if (++sizes[name] == 1) bucket_names_.push_back(name);
      }
    });
    for (const std::string& name : bucket_names_) {
      const auto sides = split(name, 'x');
      const Bucket bucket = {static_cast<int32_t>(parse_int(sides.front()).value_or(0)),
                             static_cast<int32_t>(parse_int(sides.back()).value_or(0)),
                             {}};
      NewBucket& made = buckets_[name];
      made.writer = std::make_unique<BucketWriter>(file_, bucket, sizes.at(name), source_.image_format());
      made.rows.reserve(sizes.at(name));
    }
  }

  // Rows [begin, begin + rows.size()) of the new file.
  void write_block(size_t begin, Rows rows) {
    Block block = read_block(rows);
    auto statuses = block.at("status").statuses();
    auto hashes = block.at("sha256").texts();
    const bool is_raw = source_.image_format().is_raw();
    auto encoded_hashes = is_raw ? std::vector<std::string>() : block.at("encoded_sha256").texts();
    std::vector<int64_t> positions;
    bool has_gaps = false;
    for (size_t i = 0; i < rows.size(); ++i) {
      test_pause("export-picture");
      const DatasetRow& row = source_.row(rows[i]);
      NewBucket& bucket = buckets_.at(row.bucket);
      positions.push_back(static_cast<int64_t>(bucket.rows.size()));
      bucket.rows.push_back(row.sample.row);
      if (write_picture(*bucket.writer, positions.back(), row)) {
        readable_.push_back(rows[i]);
      } else {
        has_gaps = true;
        statuses[i] = SampleStatus::missing;
        hashes[i].clear();
        if (!is_raw) encoded_hashes[i].clear();
      }
      hash_.add(row.sample.id, row.sample.copy, hashes[i]);
    }
    replace(block, "index_in_bucket", Column::of_ints(positions));
    if (has_gaps) {
      replace(block, "status", Column::of_status(statuses));
      replace(block, "sha256", Column::of_fixed_texts(hashes, kSha256Digits));
      if (!is_raw) replace(block, "encoded_sha256", Column::of_fixed_texts(encoded_hashes, kSha256Digits));
    }
    for (const auto& [name, column] : block) column.write_rows(columns_.at(name).get(), begin);
  }

  static void replace(Block& block, const std::string& name, Column column) {
    block.erase(name);
    block.emplace(name, std::move(column));
  }

  Block read_block(Rows rows) const {
    Block block;
    for (const auto& [name, dataset] : columns_) {
      Column& all = block.emplace(name, Column::read_rows(samples_.get(), name, 0, 0).empty_like(rows.size()))
                        .first->second;
      size_t to = 0;
      for_each_chunk(rows, [&](size_t begin, size_t count, Rows run) {
        Column part = Column::read_rows(samples_.get(), name, begin, count);
        for (const uint32_t row : run) all.take(to++, part, row - begin);
      });
    }
    return block;
  }

  bool write_picture(BucketWriter& writer, int64_t position, const DatasetRow& row) {
    const auto picture = source_.read(row, result_);
    if (!picture) return false;
    if (source_.image_format().is_raw()) {
      writer.write_image(position, picture->image);
    } else {
      writer.write_encoded(position, picture->encoded);
    }
    if (picture->latents) writer.write_latents(position, *picture->latents);
    content_.tell(++result_.num_written);
    return true;
  }

  void write_preview() {
    if (readable_.empty()) return;
    const auto row = [&](int64_t number) -> const DatasetRow& {
      return source_.row(readable_[static_cast<size_t>(number)]);
    };
    PieceResult ignored;
    const auto picture = [&](int64_t number) {
      return source_.decode(source_.read(row(number), ignored).value(), row(number));
    };
    ContactSheetOptions options;
    options.max_pictures = IndexOptions().preview_pictures;
    const ContactSheet sheet = make_contact_sheet(
        static_cast<int64_t>(readable_.size()), picture,
        [&](int64_t number) { return row(number).sample.prompt; }, options);
    write_hdf5_image(file_, "preview", sheet.image);
  }

  const PieceContent& content_;
  ExportSource& source_;
  hid_t file_;
  Hdf5Handle samples_;                         // of the index
  Hdf5Handle group_;                           // of the new file
  std::map<std::string, Hdf5Handle> columns_;  // likewise
  std::vector<std::string> bucket_names_;      // by first appearance
  std::map<std::string, NewBucket> buckets_;
  std::vector<uint32_t> readable_;
  PieceResult result_;
  ContentHash hash_;
};

}  // namespace

PieceResult write_hdf5_piece(const PieceContent& content, const std::filesystem::path& path,
                             const OrderedJson& about) {
  TemporaryFile temporary(path.string() + ".tmp");
  Hdf5Handle file = create_hdf5_file(temporary.path());
  write_attribute(file.get(), "format_version", int64_t{kFormatVersion});
  write_attribute(file.get(), kImageFormat, content.source.image_format().to_string());
  PieceResult result;
  {
    Hdf5Export exported(content, file.get());
    exported.write();
    result = exported.result();
    write_attribute(file.get(), "content_hash", exported.content_hash());
  }
  OrderedJson description = about;
  description.update(result.to_json());
  write_attribute(file.get(), "export", json_line(description));
  file.close(cat("close ", temporary.path()));
  temporary.rename_to(path);
  return result;
}

}  // namespace ditmesh
