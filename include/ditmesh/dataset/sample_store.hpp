#pragma once
// The samples of a job in a file, which rank 0 writes while the manifest goes by and every rank maps. It is
// scratch of one attempt, for machines of one kind: it stands as the numbers stand in memory.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ditmesh/base/file.hpp"
#include "ditmesh/dataset/sample_source.hpp"

namespace ditmesh {

/// Keeps half a byte of each sample in memory.
class SampleStoreWriter {
 public:
  /// Creates the file, or empties the one that is there. Throws EnvironmentError, as all of it does when the
  /// file cannot be written.
  explicit SampleStoreWriter(std::filesystem::path path);
  /// Removes the file unless it was finished.
  ~SampleStoreWriter();
  SampleStoreWriter(const SampleStoreWriter&) = delete;
  SampleStoreWriter& operator=(const SampleStoreWriter&) = delete;

  /// The next sample. It may have fewer further cells than there will be columns: the rest is empty.
  void add(const Sample& sample);

  /// All samples are there: closes the file.
  void finish(const std::vector<std::string>& further_columns);

  int64_t size() const { return num_samples_; }

 private:
  void append(const void* bytes, size_t size);
  void append_text(const std::string& text);
  void flush();

  std::filesystem::path path_;
  int fd_ = -1;
  std::string pending_;  // not written yet
  uint64_t offset_ = 0;  // in the file, behind `pending_`
  int64_t num_samples_ = 0;
  std::vector<uint64_t> offsets_;  // of every 16th sample
};

/// The file of a SampleStoreWriter that has finished.
class SampleStore final : public SampleSource {
 public:
  /// Throws EnvironmentError if the file is not there, not whole, or of another program.
  explicit SampleStore(const std::filesystem::path& path);

  int64_t size() const override { return num_samples_; }
  Sample sample(int64_t index) const override;
  const std::vector<std::string>& further_columns() const override { return further_columns_; }

 private:
  struct Cursor;

  std::filesystem::path path_;
  MappedFile file_;
  int64_t num_samples_ = 0;
  uint64_t samples_end_ = 0;  // behind the last sample: where the table of offsets begins
  std::vector<std::string> further_columns_;
};

}  // namespace ditmesh
