#pragma once
// What the tests of the dataset layer share: a folder that goes away, errors
// with their texts, pictures that can be told apart, a whole small dataset.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "ditmesh/dataset/plan.hpp"
#include "ditmesh/dataset/sample_maker.hpp"
#include "ditmesh/dataset/shard.hpp"
#include "temporary_folder.hpp"

namespace ditmesh::testing {

inline const std::vector<const char*> kEncodedFormats = {"png", "webp", "jpeg:60"};

/// The text of the error that `call` throws, which must be an `E`.
template <typename E, typename Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return cat("another error: ", error.what());
  }
  return "no error";
}

/// A limit on the size of files stands in for a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

/// A picture that depends on the seed, smooth enough to look at.
inline Image picture_of(int32_t height, int32_t width, int64_t seed) {
  Image image(height, width);
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      uint8_t* pixel = image.at(y, x);
      pixel[0] = static_cast<uint8_t>(y * 255 / height);
      pixel[1] = static_cast<uint8_t>(x * 255 / width);
      pixel[2] = static_cast<uint8_t>(seed * 37 + (x / 8 + y / 8) % 2 * 40);
    }
  }
  return image;
}

inline JournalRecord done_record(const Sample& sample, int64_t position) {
  JournalRecord record;
  record.row = sample.row;
  record.copy = sample.copy;
  record.position = position;
  record.device_seconds = 0.5F + static_cast<float>(position);
  record.image = picture_of(sample.height, sample.width, sample.seed);
  return record;
}

inline JournalRecord failed_record(const Sample& sample, int64_t position, const std::string& error) {
  JournalRecord record;
  record.row = sample.row;
  record.copy = sample.copy;
  record.position = position;
  record.status = SampleStatus::failed;
  record.error = error;
  return record;
}

/// Samples and plan of a job whose journals a test writes.
struct Job {
  SampleList samples;
  Plan plan;

  Job(const Manifest& manifest, const SamplingDefaults& defaults, const PlanOptions& options)
      : samples(make_samples(manifest, defaults)), plan(make_plan(samples, options)) {}

  Sample sample_at(int64_t shard, int64_t position) const {
    return samples.sample(plan.sample_at(shard, position));
  }

  /// Journals every sample of a shard as done.
  void journal_all(const std::filesystem::path& output, int64_t shard) const {
    const Shard& range = plan.shards.at(static_cast<size_t>(shard));
    JournalWriter writer(journal_path(output, range.name, 0, 0));
    for (int64_t position = 0; position < range.size(); ++position) {
      writer.append(done_record(sample_at(shard, position), position));
    }
  }

  StatusCounts write(const std::filesystem::path& output, int64_t shard,
                     const WriteShardOptions& options = {}) const {
    return write_shard(output, shard_content(plan, shard), samples, options);
  }

  /// All shards and the index.
  IndexResult write_all(const std::filesystem::path& output, const IndexOptions& options = {},
                        const ImageFormat& format = {}) const {
    WriteShardOptions shard_options;
    shard_options.format = format;
    for (int64_t shard = 0; shard < static_cast<int64_t>(plan.shards.size()); ++shard) {
      journal_all(output, shard);
      write(output, shard, shard_options);
      remove_journals(output, plan.shards[static_cast<size_t>(shard)].name);
    }
    return write_index(output, options);
  }
};

inline SamplingDefaults small_pictures() {
  SamplingDefaults defaults;
  defaults.height = 16;
  defaults.width = 24;
  return defaults;
}

}  // namespace ditmesh::testing
