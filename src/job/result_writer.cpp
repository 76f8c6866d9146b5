#include "ditmesh/job/result_writer.hpp"

#include <optional>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/shard.hpp"

namespace ditmesh {

namespace {

// Pictures that may wait for the disk; a rank makes far fewer while one is written.
constexpr uint64_t kMaxQueuedBytes = uint64_t{1} << 30;

uint64_t bytes_of(const std::vector<JournalRecord>& records) {
  uint64_t sum = 0;
  for (const JournalRecord& record : records) {
    sum += record.image.pixels.size();
    if (record.latents) sum += record.latents->values.size() * sizeof(float);
  }
  return sum;
}

}  // namespace

ResultWriter::ResultWriter(std::filesystem::path output, int64_t replica, int64_t attempt,
                           const SampleSource& samples, Callbacks callbacks, Log log, ImageFormat format,
                           const WriterTrace& trace)
    : output_(std::move(output)),
      replica_(replica),
      attempt_(attempt),
      samples_(samples),
      callbacks_(std::move(callbacks)),
      log_(std::move(log)),
      format_(format),
      trace_(trace),
      journal_thread_([this] { run_journals(); }),
      shard_thread_([this] { run_shards(); }) {}

ResultWriter::~ResultWriter() {
  {
    const std::lock_guard lock(mutex_);
    finish_ = drop_shards_ = drop_all_ = true;
  }
  changed_.notify_all();
  if (journal_thread_.joinable()) journal_thread_.join();
  if (shard_thread_.joinable()) shard_thread_.join();
}

void ResultWriter::save(const std::string& shard_name, std::vector<JournalRecord> records, WorkResult result,
                        int64_t first_sample) {
  const uint64_t bytes = bytes_of(records);
  for (JournalRecord& record : records) record.attempt = static_cast<int32_t>(attempt_);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return queued_bytes_ == 0 || queued_bytes_ + bytes <= kMaxQueuedBytes; });
    queued_bytes_ += bytes;
    journal_tasks_.push_back({shard_name, std::move(records), std::move(result), first_sample});
  }
  changed_.notify_all();
}

void ResultWriter::close_journal(const std::string& shard_name) {
  {
    const std::lock_guard lock(mutex_);
    // In front: its records are all on disk, and files that stay open behind a slow disk become too many.
    journal_tasks_.push_front({shard_name, {}, std::nullopt, -1});
  }
  changed_.notify_all();
}

void ResultWriter::write_shard(ShardOrder order) {
  {
    const std::lock_guard lock(mutex_);
    shard_orders_.push_back(std::move(order));
  }
  changed_.notify_all();
}

void ResultWriter::finish(bool drop_shards) {
  {
    const std::lock_guard lock(mutex_);
    finish_ = true;
    drop_shards_ = drop_shards;
  }
  changed_.notify_all();
  journal_thread_.join();
  shard_thread_.join();
}

bool ResultWriter::is_dropping_shards() const {
  const std::lock_guard lock(mutex_);
  return drop_shards_;
}

void ResultWriter::run_journals() {
  try {
    while (true) {
      JournalTask task;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !journal_tasks_.empty() || finish_; });
        if (journal_tasks_.empty() || drop_all_) return;
        task = std::move(journal_tasks_.front());
        journal_tasks_.pop_front();
      }
      if (!task.result) {
        journals_.erase(task.shard_name);
        continue;
      }
      const uint64_t bytes = bytes_of(task.records);
      if (!task.records.empty()) {
        const auto scope = trace_.journal.scope(Phase::journal, task.first_sample,
                                                static_cast<int32_t>(task.records.size()));
        journal_of(task.shard_name).append(task.records);
      }
      {
        const std::lock_guard lock(mutex_);
        queued_bytes_ -= bytes;
      }
      changed_.notify_all();
      callbacks_.unit_saved(std::move(*task.result));
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

JournalWriter& ResultWriter::journal_of(const std::string& shard_name) {
  const auto found = journals_.find(shard_name);
  if (found != journals_.end()) return found->second;
  return journals_.try_emplace(shard_name, journal_path(output_, shard_name, replica_, attempt_))
      .first->second;
}

void ResultWriter::run_shards() {
  try {
    while (true) {
      ShardOrder order;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !shard_orders_.empty() || finish_; });
        if (shard_orders_.empty() || drop_shards_) return;
        order = std::move(shard_orders_.front());
        shard_orders_.pop_front();
      }
      const ShardContent content{order.name, order.begin, order.samples};
      WriteShardOptions options;
      options.cancelled = [this] { return is_dropping_shards(); };
      options.temporary_suffix = cat("attempt-", attempt_);
      options.format = format_;
      options.trace = trace_.shard;
      try {
        const auto scope = trace_.shard.scope(Phase::shard, order.samples.front(),
                                              static_cast<int32_t>(order.samples.size()));
        const StatusCounts counts = ditmesh::write_shard(output_, content, samples_, options, log_);
        if (counts.missing > 0) {
          throw EnvironmentError(
              cat(counted(counts.missing, "sample"), " of the shard ", order.name,
                  " in no journal any more, though they were: files of ", output_, " went away"),
              "start the same command again, it makes what is missing");
        }
      } catch (...) {
        if (is_dropping_shards()) return;  // its journals stay
        throw;
      }
      remove_journals(output_, order.name);
      callbacks_.shard_written(order.shard);
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

void ResultWriter::fail(std::exception_ptr error) { callbacks_.failed(std::move(error)); }

}  // namespace ditmesh
