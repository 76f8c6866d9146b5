#include "ditmesh/dataset/shard.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <ostream>
#include <set>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/test_pause.hpp"
#include "ditmesh/base/text.hpp"
#include "bucket_writer.hpp"
#include "column.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "hdf5.hpp"
#include "sample_table.hpp"
#include "shard_file.hpp"
#include "temporary_file.hpp"

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

// What is known of a position: from a journal its pixels, from a shard file what stands there.
struct KnownSample {
  SampleStatus status = SampleStatus::missing;
  std::string error;
  float device_seconds = 0;
  int32_t attempt = 0;
  Image image;             // unless it is encoded
  bool is_copied = false;  // of a shard file, with its hashes
  std::string encoded;
  std::string sha256;
  std::string encoded_sha256;
  std::optional<Latents> latents;
};

KnownSample known_of(JournalRecord record) {
  KnownSample known;
  known.status = record.status;
  known.error = std::move(record.error);
  known.device_seconds = record.device_seconds;
  known.attempt = record.attempt;
  known.image = std::move(record.image);
  known.latents = std::move(record.latents);
  return known;
}

// Gives what is known of each position: the journals first, then the shard
// file that stands already (from a run before --retry-failed, or a crash
// between the rename and the removal of the journals).
class RecordSource {
 public:
  RecordSource(const std::filesystem::path& output, const ShardContent& content, const std::string& bucket,
               const ImageFormat& format, const Log& log)
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
    if (old_file_->image_format() != format) {
      throw ConfigError(
          cat(path_, " holds pictures as ", old_file_->image_format(), ", this job writes ", format),
          "give --image-format as before, or choose another --output");
    }
  }

  /// Nothing for a sample that is missing.
  std::optional<KnownSample> read(const Sample& sample, int64_t position) const {
    const auto& journalled = journalled_[static_cast<size_t>(position)];
    const DatasetRow* old = old_rows_.empty() ? nullptr : &old_rows_[static_cast<size_t>(position)];
    if (journalled)
      check_same_sample(sample, journalled->entry.row, journalled->entry.copy, journalled->journal);
    if (old != nullptr)
      check_same_sample(sample, old->sample.row, old->sample.copy, "the shard file that is there");
    const bool is_old_better = old != nullptr && old->status == SampleStatus::done &&
                               !(journalled && journalled->entry.status == SampleStatus::done);
    if (journalled && !is_old_better) return known_of(journalled->read());
    if (old == nullptr || old->status == SampleStatus::missing) return std::nullopt;
    KnownSample known;
    known.status = old->status;
    known.error = old->error;
    known.device_seconds = old->device_seconds;
    known.attempt = old->attempt;
    if (old->status == SampleStatus::done) {
      known.is_copied = true;
      known.sha256 = old->sha256;
      known.encoded_sha256 = old->encoded_sha256;
      read_shard_file(path_, [&] {
        if (old_file_->image_format().is_raw()) {
          known.image = old_file_->read_image(position);
        } else {
          known.encoded = old_file_->read_encoded(position);
        }
        if (old_file_->has_latents()) known.latents = old_file_->read_latents(position);
      });
    }
    return known;
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

// Writes the picture, and what is known of it into its row.
void write_known(BucketWriter& writer, int64_t position, KnownSample& known, int64_t index,
                 const WriteShardOptions& options, DatasetRow& row) {
  const ImageFormat& format = options.format;
  row.status = known.status;
  row.error = known.error;
  row.device_seconds = known.device_seconds;
  row.attempt = known.attempt;
  if (known.status != SampleStatus::done) return;
  // The hashes of what is copied are copied too: made anew they would hide damage.
  if (!known.is_copied) {
    writer.check_size(known.image);
    {
      const auto scope = options.trace.scope(Phase::hash, index, 1);
      known.sha256 = pixel_sha256(known.image);
    }
    if (!format.is_raw()) {
      known.encoded = format.encode(known.image);
      known.encoded_sha256 = sha256_hex(known.encoded);
    }
  }
  row.sha256 = known.sha256;
  row.encoded_sha256 = known.encoded_sha256;
  if (format.is_raw()) {
    writer.write_image(position, known.image);
  } else {
    writer.write_encoded(position, known.encoded);
  }
  if (known.latents) writer.write_latents(position, *known.latents);
}

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
  const RecordSource source(output, content, bucket.name(), options.format, log);
  const std::filesystem::path path = shard_path(output, content.name);
  const std::string suffix = options.temporary_suffix.empty() ? "" : cat(".", options.temporary_suffix);
  create_folders(path.parent_path());

  StatusCounts counts;
  std::vector<DatasetRow> rows;
  TemporaryFile temporary(cat(path.string(), suffix, ".tmp"));  // before the file: it goes after it is closed
  Hdf5Handle file = create_hdf5_file(temporary.path());
  write_attribute(file.get(), "format_version", int64_t{kFormatVersion});
  write_attribute(file.get(), kImageFormat, options.format.to_string());
  {
    BucketWriter writer(file.get(), bucket, content.samples.size(), options.format);
    for (const int64_t index : content.samples) {
      const auto position = static_cast<int64_t>(rows.size());
      if (options.cancelled && options.cancelled()) {
        throw EnvironmentError(cat("writing the shard ", path, " was stopped after ", position, " of ",
                                   content.samples.size(), " samples"),
                               "start the job again: they are still in the journal");
      }
      DatasetRow row = row_without_result(samples.sample(index), bucket, content, position);
      if (auto known = source.read(row.sample, position))
        write_known(writer, position, *known, index, options, row);
      counts.add(row.status);
      rows.push_back(std::move(row));
      test_pause("shard-write");
    }
    std::vector<int64_t> numbers;
    for (const DatasetRow& row : rows) numbers.push_back(row.sample.row);
    writer.write_rows(numbers);
  }
  write_samples(file.get(), rows, samples.further_columns(), options.format);
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
