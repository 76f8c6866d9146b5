#include "ditmesh/dataset/shard.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <ostream>
#include <set>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"
#include "column.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "hdf5.hpp"
#include "sample_table.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

void check_num_samples(const std::filesystem::path& path, size_t expected, size_t found) {
  if (found == expected) return;
  throw ConfigError(cat(path, " holds ", found, " samples, this job puts ", expected, " there"),
                    "it belongs to another job: choose another --output");
}

// Reads from a shard file that is there; whatever HDF5 cannot read in it is damage.
template <typename Read>
auto read_shard_file(const std::filesystem::path& path, Read read) {
  if (!std::ifstream(path)) {
    throw EnvironmentError(cat(path, " cannot be read: ", std::strerror(errno)), "check its permissions");
  }
  try {
    return read();
  } catch (const EnvironmentError& error) {
    throw EnvironmentError(cat("the shard ", path, " is damaged (", error.what(), ")"),
                           "remove it and start the job again: its samples are then made again");
  }
}

Hdf5Handle open_shard_file(const std::filesystem::path& path) {
  Hdf5Handle file = read_shard_file(path, [&] { return open_hdf5_file(path); });
  check_format_version(file.get(), path);  // another version is no damage
  return file;
}

// Gives what is known of each position: the journals first, then the shard
// file that stands already (from a run before --retry-failed, or a crash
// between the rename and the removal of the journals).
class RecordSource {
 public:
  RecordSource(const std::filesystem::path& output, const ShardContent& content, const std::string& bucket,
               const Log& log)
      : path_(shard_path(output, content.name)),
        journalled_(
            journalled_samples(output, content.name, static_cast<int64_t>(content.samples.size()), log)) {
    if (!std::filesystem::exists(path_)) return;
    open_shard_file(path_);
    read_shard_file(path_, [&] {
      old_file_.emplace(output, content.name, bucket);
      old_rows_ = read_samples(old_file_->file()).rows;
    });
    check_num_samples(path_, content.samples.size(), old_rows_.size());
  }

  /// Nothing for a sample that is missing.
  std::optional<JournalRecord> read(const Sample& sample, int64_t position) const {
    const auto& journalled = journalled_[static_cast<size_t>(position)];
    const DatasetRow* old = old_rows_.empty() ? nullptr : &old_rows_[static_cast<size_t>(position)];
    if (journalled)
      check_same_sample(sample, journalled->entry.row, journalled->entry.copy, journalled->journal);
    if (old != nullptr)
      check_same_sample(sample, old->sample.row, old->sample.copy, "the shard file that is there");
    const bool is_old_better = old != nullptr && old->status == SampleStatus::done &&
                               !(journalled && journalled->entry.status == SampleStatus::done);
    if (journalled && !is_old_better) return journalled->read();
    if (old == nullptr || old->status == SampleStatus::missing) return std::nullopt;
    JournalRecord record;
    record.status = old->status;
    record.error = old->error;
    record.device_seconds = old->device_seconds;
    record.attempt = old->attempt;
    if (old->status == SampleStatus::done) {
      read_shard_file(path_, [&] {
        record.image = old_file_->read_image(position);
        if (old_file_->has_latents()) record.latents = old_file_->read_latents(position);
      });
    }
    return record;
  }

 private:
  static void check_same_sample(const Sample& sample, int64_t row, int32_t copy,
                                const std::filesystem::path& source) {
    if (sample.row == row && sample.copy == copy) return;
    throw ConfigError(cat(source, " has row ", row, " copy ", copy, " where this job has row ", sample.row,
                          " copy ", sample.copy),
                      "it belongs to another job: choose another --output");
  }

  std::filesystem::path path_;
  std::vector<std::optional<JournalledSample>> journalled_;
  std::optional<ShardFile> old_file_;
  std::vector<DatasetRow> old_rows_;
};

// The datasets of a bucket group, made as the first picture and latents come.
class BucketWriter {
 public:
  BucketWriter(hid_t file, Bucket bucket, size_t size)
      : size_(size), bucket_(std::move(bucket)), group_(create_group(file, bucket_.name())) {
    write_attribute(group_.get(), "height", int64_t{bucket_.height});
    write_attribute(group_.get(), "width", int64_t{bucket_.width});
    const auto height = static_cast<hsize_t>(bucket_.height);
    const auto width = static_cast<hsize_t>(bucket_.width);
    images_.emplace(create("images", H5T_STD_U8LE, {size_, height, width, 3}, nullptr));
    describe(images_->get(), "sample, height, width, channel (red, green, blue)", "sRGB, 0 to 255");
  }

  void write(int64_t position, const JournalRecord& record) {
    const Image& image = record.image;
    if (image.height != bucket_.height || image.width != bucket_.width) {
      throw EnvironmentError(
          cat("a picture of the bucket ", bucket_.name(), " has ", image.height, "x", image.width, " pixels"),
          "its journal belongs to another job: choose another --output");
    }
    write_row(images_->get(), position, H5T_NATIVE_UINT8, image.pixels.data());
    if (!record.latents) return;
    const Latents& latents = *record.latents;
    const std::array<int32_t, 3> shape = {latents.channels, latents.height, latents.width};
    if (!latents_) {
      latents_shape_ = shape;
      const float nan = std::numeric_limits<float>::quiet_NaN();
      latents_.emplace(create("latents", H5T_IEEE_F32LE,
                              {size_, static_cast<hsize_t>(shape[0]), static_cast<hsize_t>(shape[1]),
                               static_cast<hsize_t>(shape[2])},
                              &nan));
      describe(latents_->get(), "sample, channel, height, width",
               "latents of the model, NaN where there are none");
    }
    if (shape != latents_shape_) {
      throw EnvironmentError(
          cat("latents of ", join(shape, "x"), " stand beside others of ", join(latents_shape_, "x")),
          "the journal belongs to another job: choose another --output");
    }
    write_row(latents_->get(), position, H5T_NATIVE_FLOAT, latents.values.data());
  }

  void write_rows(const std::vector<DatasetRow>& rows) {
    std::vector<int64_t> numbers;
    for (const DatasetRow& row : rows) numbers.push_back(row.sample.row);
    Column::of_ints(numbers).write(group_.get(), "row", column_units("row"));
  }

 private:
  // One row a chunk: whoever wants one picture reads and unpacks one.
  Hdf5Handle create(const std::string& name, hid_t type, std::vector<hsize_t> shape,
                    const float* fill) const {
    const std::string doing = cat("create ", name);
    const Hdf5Handle space = simple_space(shape);
    const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, doing);
    shape[0] = 1;
    check_hdf5(H5Pset_chunk(creation.get(), static_cast<int>(shape.size()), shape.data()), doing);
    check_hdf5(H5Pset_deflate(creation.get(), 1), doing);
    if (fill != nullptr) check_hdf5(H5Pset_fill_value(creation.get(), H5T_NATIVE_FLOAT, fill), doing);
    return {
        H5Dcreate2(group_.get(), name.c_str(), type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
        H5Dclose, doing};
  }

  static void write_row(hid_t dataset, int64_t position, hid_t type, const void* values) {
    const Hdf5Handle to = select_rows(dataset, static_cast<hsize_t>(position), 1);
    auto shape = shape_of(dataset);
    shape[0] = 1;
    const Hdf5Handle from = simple_space(shape);
    check_hdf5(H5Dwrite(dataset, type, from.get(), to.get(), H5P_DEFAULT, values),
               cat("write sample ", position));
  }

  hsize_t size_;
  Bucket bucket_;  // without its samples
  Hdf5Handle group_;
  std::optional<Hdf5Handle> images_;
  std::optional<Hdf5Handle> latents_;
  std::array<int32_t, 3> latents_shape_{};
};

DatasetRow row_without_result(Sample sample, const Bucket& bucket, const ShardContent& content,
                              int64_t position) {
  if (sample.height != bucket.height || sample.width != bucket.width) {
    throw InternalError(cat("the shard ", content.name, " of ", bucket.name(), " pictures is to take one of ",
                            sample.height, "x", sample.width));
  }
  DatasetRow row;
  row.sample = std::move(sample);
  row.bucket = bucket.name();
  row.index_in_bucket = content.begin + position;
  row.shard = content.name;
  row.index_in_shard = position;
  return row;
}

// A file that goes away unless it gets its final name.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~TemporaryFile() {
    if (is_renamed_) return;
    // HDF5 may keep a file open that it could not finish: empty, it takes no space until the process ends.
    if (::truncate(path_.c_str(), 0) == 0) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void rename_to(const std::filesystem::path& path) {
    rename_durably(path_, path);
    is_renamed_ = true;
  }

 private:
  std::filesystem::path path_;
  bool is_renamed_ = false;
};

// Names of the shards that have journals, by one look at the folder.
std::set<std::string> journalled_shards(const std::filesystem::path& output) {
  std::set<std::string> names;
  for (const std::filesystem::path& path : list_journals(output)) {
    const std::string file = path.filename().string();
    names.insert(file.substr(0, file.find(".replica-")));
  }
  return names;
}

}  // namespace

void StatusCounts::add(SampleStatus status) {
  switch (status) {
    case SampleStatus::missing:
      ++missing;
      break;
    case SampleStatus::done:
      ++done;
      break;
    case SampleStatus::failed:
      ++failed;
      break;
  }
}

std::ostream& operator<<(std::ostream& out, const StatusCounts& counts) {
  return out << counts.done << " done, " << counts.failed << " failed, " << counts.missing << " missing";
}

ShardContent shard_content(const Plan& plan, int64_t shard) {
  const Shard& range = plan.shards.at(static_cast<size_t>(shard));
  return {range.name, range.begin, plan.samples_of(shard)};
}

StatusCounts write_shard(const std::filesystem::path& output, const ShardContent& content,
                         const SampleSource& samples, const WriteShardOptions& options, const Log& log) {
  if (content.samples.empty()) throw InternalError(cat("the shard ", content.name, " has no samples"));
  const Sample first = samples.sample(content.samples.front());
  const Bucket bucket{first.height, first.width, {}};
  const RecordSource source(output, content, bucket.name(), log);
  const std::filesystem::path path = shard_path(output, content.name);
  const std::string suffix = options.temporary_suffix.empty() ? "" : cat(".", options.temporary_suffix);
  create_folders(path.parent_path());

  StatusCounts counts;
  std::vector<DatasetRow> rows;
  TemporaryFile temporary(cat(path.string(), suffix, ".tmp"));  // before the file: it goes after it is closed
  Hdf5Handle file = create_hdf5_file(temporary.path());
  write_attribute(file.get(), "format_version", int64_t{kFormatVersion});
  {
    BucketWriter writer(file.get(), bucket, content.samples.size());
    for (const int64_t index : content.samples) {
      const auto position = static_cast<int64_t>(rows.size());
      if (options.cancelled && options.cancelled()) {
        throw EnvironmentError(cat("writing the shard ", path, " was stopped after ", position, " of ",
                                   content.samples.size(), " samples"),
                               "start the job again: they are still in the journal");
      }
      DatasetRow row = row_without_result(samples.sample(index), bucket, content, position);
      if (const auto record = source.read(row.sample, position)) {
        row.status = record->status;
        row.error = record->error;
        row.device_seconds = record->device_seconds;
        row.attempt = record->attempt;
        if (record->status == SampleStatus::done) {
          row.sha256 = pixel_sha256(record->image);
          writer.write(position, *record);
        }
      }
      counts.add(row.status);
      rows.push_back(std::move(row));
      test_pause("shard-write");
    }
    writer.write_rows(rows);
  }
  write_samples(file.get(), rows, samples.further_columns());
  file.close(cat("close ", temporary.path()));
  temporary.rename_to(path);
  test_pause("shard-rename");
  return counts;
}

std::vector<SampleStatus> shard_status(const std::filesystem::path& output, const Shard& shard) {
  const std::filesystem::path path = shard_path(output, shard.name);
  if (!std::filesystem::exists(path)) return {};
  const Hdf5Handle file = open_shard_file(path);
  auto status = read_shard_file(
      path, [&] { return Column::read(open_group(file.get(), "samples").get(), "status").statuses(); });
  check_num_samples(path, static_cast<size_t>(shard.size()), status.size());
  return status;
}

KnownStatus known_status(const std::filesystem::path& output, const Plan& plan, const Log& log,
                         const std::function<bool(int64_t shard)>& is_wanted) {
  KnownStatus known;
  known.samples.resize(static_cast<size_t>(plan.num_samples()), SampleStatus::missing);
  known.has_file.resize(plan.shards.size());
  known.has_journal.resize(plan.shards.size());
  const std::set<std::string> with_journals = journalled_shards(output);
  for (size_t i = 0; i < plan.shards.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    if (is_wanted && !is_wanted(number)) continue;
    const Shard& shard = plan.shards[i];
    const auto status_of = [&](size_t position) -> SampleStatus& {
      return known.samples[static_cast<size_t>(plan.sample_at(number, static_cast<int64_t>(position)))];
    };
    const auto in_file = shard_status(output, shard);
    known.has_file[i] = !in_file.empty();
    for (size_t position = 0; position < in_file.size(); ++position) status_of(position) = in_file[position];
    if (!with_journals.contains(shard.name)) continue;
    known.has_journal[i] = true;
    const auto in_journals = journalled_samples(output, shard.name, shard.size(), log);
    for (size_t position = 0; position < in_journals.size(); ++position) {
      SampleStatus& status = status_of(position);
      if (in_journals[position] && status != SampleStatus::done) status = in_journals[position]->entry.status;
    }
  }
  return known;
}

}  // namespace ditmesh
