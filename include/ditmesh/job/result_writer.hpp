#pragma once
// What a rank writes, off the thread that generates: journals by one thread, shards by another.

#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ditmesh/base/log.hpp"
#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/journal.hpp"
#include "ditmesh/dataset/sample_source.hpp"
#include "ditmesh/job/message.hpp"
#include "ditmesh/trace/recorder.hpp"

namespace ditmesh {

/// What the writing threads record into.
struct WriterTrace {
  LaneRecorder journal;
  LaneRecorder shard;
};

class ResultWriter {
 public:
  /// Called from the writing threads.
  struct Callbacks {
    std::function<void(WorkResult)> unit_saved;  // after the fsync
    std::function<void(int64_t shard)> shard_written;
    std::function<void(std::exception_ptr)> failed;  // once; nothing is written after it
  };

  /// `samples` outlives the object. `replica` and `attempt` name the journals; `format` is that of the
  /// pictures in shards.
  ResultWriter(std::filesystem::path output, int64_t replica, int64_t attempt, const SampleSource& samples,
               Callbacks callbacks, Log log, ImageFormat format = {}, const WriterTrace& trace = {});
  /// Drops what is queued.
  ~ResultWriter();
  ResultWriter(const ResultWriter&) = delete;
  ResultWriter& operator=(const ResultWriter&) = delete;

  /// A unit's records (none for samples that are to be tried again). Waits while too much is queued.
  /// `first_sample`: of the unit, for the trace.
  void save(const std::string& shard_name, std::vector<JournalRecord> records, WorkResult result,
            int64_t first_sample = -1);
  /// The journal of this shard gets no more records.
  void close_journal(const std::string& shard_name);
  void write_shard(ShardOrder order);

  /// Returns when all that was queued is written; with `drop_shards` shards that are not written yet stay
  /// in their journals.
  void finish(bool drop_shards);

 private:
  struct JournalTask {
    std::string shard_name;
    std::vector<JournalRecord> records;
    std::optional<WorkResult> result;  // nothing: close the journal
    int64_t first_sample = -1;
  };

  void run_journals();
  JournalWriter& journal_of(const std::string& shard_name);
  void run_shards();
  void fail(std::exception_ptr error);
  bool is_dropping_shards() const;

  std::filesystem::path output_;
  int64_t replica_;
  int64_t attempt_;
  const SampleSource& samples_;
  Callbacks callbacks_;
  Log log_;
  ImageFormat format_;
  WriterTrace trace_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<JournalTask> journal_tasks_;
  uint64_t queued_bytes_ = 0;
  std::deque<ShardOrder> shard_orders_;
  bool finish_ = false;
  bool drop_shards_ = false;
  bool drop_all_ = false;

  std::map<std::string, JournalWriter> journals_;  // of the journal thread alone
  std::thread journal_thread_;
  std::thread shard_thread_;
};

}  // namespace ditmesh
