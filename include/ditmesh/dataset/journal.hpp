#pragma once
// Finished samples that are not in a shard yet: OUTPUT/journal, one append-only
// file per (shard, replica, attempt). A crash costs at most the record in the
// making: each one has a length and a checksum, and is on disk when append()
// returns.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/image.hpp"
#include "ditmesh/dataset/sample.hpp"

namespace ditmesh {

/// What is left of a sample when a replica is through with it.
struct JournalRecord {
  int64_t row = 0;
  int32_t copy = 0;
  int64_t position = 0;  // in the shard
  SampleStatus status = SampleStatus::done;
  float device_seconds = 0;
  int32_t attempt = 0;             // that made it: job.json has its device, dtype and ranks
  std::string error;               // of a failed sample
  Image image;                     // empty if failed
  std::optional<Latents> latents;  // with --save-latents

  bool operator==(const JournalRecord&) const = default;
};

/// OUTPUT/journal/SHARD.replica-R.attempt-A
std::filesystem::path journal_path(const std::filesystem::path& output, const std::string& shard_name,
                                   int64_t replica, int64_t attempt);

/// The journals of one shard, or of all shards for an empty name; sorted by
/// attempt, then replica. None if the folder is not there.
std::vector<std::filesystem::path> list_journals(const std::filesystem::path& output,
                                                 const std::string& shard_name = {});

/// Removes the journals of a shard whose file is complete.
void remove_journals(const std::filesystem::path& output, const std::string& shard_name);

class JournalWriter {
 public:
  /// Creates the file, and the folder if need be. A journal is never written
  /// by two attempts: throws EnvironmentError if it is there.
  explicit JournalWriter(const std::filesystem::path& path);
  ~JournalWriter();
  JournalWriter(JournalWriter&& other) noexcept;
  JournalWriter& operator=(JournalWriter&&) = delete;

  /// Returns when the records, those of a batch, are on disk: one sync for all. Throws EnvironmentError (a
  /// full disk); the records of earlier calls stay readable.
  void append(std::span<const JournalRecord> records);
  void append(const JournalRecord& record) { append(std::span(&record, 1)); }

  const std::filesystem::path& path() const { return path_; }

 private:
  bool write_record(const JournalRecord& record, int64_t& size_bytes) const;

  std::filesystem::path path_;
  int fd_ = -1;
  int64_t size_bytes_ = 0;  // of complete records
};

/// A record's place in its journal.
struct JournalEntry {
  int64_t row = 0;
  int32_t copy = 0;
  int64_t position = 0;
  SampleStatus status = SampleStatus::missing;
  int64_t offset_bytes = 0;  // in the file

  bool operator==(const JournalEntry&) const = default;
};

/// The complete records of a journal.
class JournalReader {
 public:
  /// Reads and checks the file up to its end or the first record that is not
  /// whole. Throws ConfigError if it is not a journal.
  explicit JournalReader(const std::filesystem::path& path);

  const std::vector<JournalEntry>& entries() const { return entries_; }
  /// Throws EnvironmentError if the file changed meanwhile.
  JournalRecord read(const JournalEntry& entry) const;

  /// Empty, or what is wrong behind the last whole record, for the log.
  const std::string& damage() const { return damage_; }

 private:
  std::filesystem::path path_;
  std::vector<JournalEntry> entries_;
  std::string damage_;
};

/// Whole records of a journal, counted by their lengths alone: no pixel is read, no checksum looked at. 0 if
/// the file is none.
int64_t count_journal_records(const std::filesystem::path& path);

/// A record that is in a journal.
struct JournalledSample {
  std::filesystem::path journal;
  JournalEntry entry;

  /// Throws EnvironmentError if the file changed meanwhile.
  JournalRecord read() const;
};

/// What all journals know of a shard, one per position: the last attempt's
/// record, but a done one before a failed one; nothing where there is none.
/// Damage goes to the log. Throws ConfigError for a position outside the shard.
std::vector<std::optional<JournalledSample>> journalled_samples(const std::filesystem::path& output,
                                                                const std::string& shard_name,
                                                                int64_t shard_size, const Log& log = {});

}  // namespace ditmesh
