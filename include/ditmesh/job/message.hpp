#pragma once
// What the coordinator and the ranks say to each other over the control channel.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/trace/usage.hpp"

namespace ditmesh {

enum class MessageKind : int64_t {
  // From a rank to the coordinator.
  ready,          // it has nothing to do
  unit_done,      // every sample of its unit is in a journal or has failed once: a WorkResult
  shard_written,  // numbers: shard
  stop_request,   // numbers: StopReason; a signal came
  usage,          // a Usage
  leave,          // it has nothing more to say
  // From the coordinator to a rank.
  assign,         // a WorkOrder
  close_journal,  // text: name of a shard whose samples are all in journals
  write_shard,    // a ShardOrder
  stop,           // numbers: StopReason; no more work will come
  finish,         // every sample is in a shard
  left            // the answer to leave, and the last message to that rank
};

/// Why a job ends before it is done.
enum class StopReason : int64_t {
  none,
  warning,     // SIGUSR2: the batch in flight may be finished
  terminate,   // SIGTERM, SIGINT: what is in flight is dropped at the next step
  time_limit,  // --time-limit: what is in flight fits, and is finished
  late,        // --time-limit has passed: what is in flight is dropped at the next step
};

struct ControlMessage {
  MessageKind kind = MessageKind::ready;
  std::vector<int64_t> numbers;
  std::string text;

  bool operator==(const ControlMessage&) const = default;
};

/// As bytes for the channel; unpack(pack(m)) == m. unpack throws InternalError for other bytes.
std::string pack(const ControlMessage& message);
ControlMessage unpack_message(std::string_view bytes);

/// A work unit as it is handed out: samples of one shard, made as one batch.
struct WorkOrder {
  int64_t unit = 0;  // its number, for the result
  std::string shard_name;
  bool is_retry = false;           // a sample that failed before, alone: now a failure is recorded
  std::vector<int64_t> positions;  // in the shard
  std::vector<int64_t> samples;    // of the same length: indices into the job's samples
  /// Samples that this rank will probably make next: their prompts may be encoded together.
  std::vector<int64_t> ahead;

  bool operator==(const WorkOrder&) const = default;
};

/// What became of a WorkOrder.
struct WorkResult {
  enum class Outcome : int64_t { done, failed, failed_once, dropped };  // dropped: the job stops
  int64_t unit = 0;
  std::vector<Outcome> outcomes;  // of each position
  double seconds = 0;             // from the order to the last journal record

  bool operator==(const WorkResult&) const = default;
};

/// A shard whose samples are all in journals.
struct ShardOrder {
  int64_t shard = 0;  // its number, for the answer
  std::string name;
  int64_t begin = 0;             // of its samples in the bucket
  std::vector<int64_t> samples;  // by position: indices into the job's samples

  bool operator==(const ShardOrder&) const = default;
};

ControlMessage to_message(const ShardOrder& order);
ShardOrder to_shard_order(const ControlMessage& message);
ControlMessage to_message(const WorkOrder& order);
WorkOrder to_work_order(const ControlMessage& message);
ControlMessage to_message(const WorkResult& result);
WorkResult to_work_result(const ControlMessage& message);
ControlMessage to_message(const Usage& usage);
Usage to_usage(const ControlMessage& message);

}  // namespace ditmesh
