#include "ditmesh/job/message.hpp"

#include <bit>
#include <cstring>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

// The bytes: kind, count of numbers, numbers (int64, of this machine: all ranks run the same program), text.

namespace ditmesh {

namespace {

// Takes numbers from the front of a message.
class NumberReader {
 public:
  explicit NumberReader(const ControlMessage& message) : numbers_(message.numbers) {}

  int64_t next() {
    if (at_ >= numbers_.size()) {
      throw InternalError(cat("a control message ends after ", numbers_.size(), " numbers"));
    }
    return numbers_[at_++];
  }
  std::vector<int64_t> next_list() {
    std::vector<int64_t> list(static_cast<size_t>(next()));
    for (int64_t& item : list) item = next();
    return list;
  }

 private:
  const std::vector<int64_t>& numbers_;
  size_t at_ = 0;
};

void append_list(std::vector<int64_t>& numbers, const std::vector<int64_t>& list) {
  numbers.push_back(static_cast<int64_t>(list.size()));
  numbers.insert(numbers.end(), list.begin(), list.end());
}

}  // namespace

std::string pack(const ControlMessage& message) {
  const int64_t head[2] = {static_cast<int64_t>(message.kind), static_cast<int64_t>(message.numbers.size())};
  std::string bytes(sizeof head + message.numbers.size() * sizeof(int64_t), '\0');
  std::memcpy(bytes.data(), head, sizeof head);
  if (!message.numbers.empty()) {
    std::memcpy(bytes.data() + sizeof head, message.numbers.data(), message.numbers.size() * sizeof(int64_t));
  }
  return bytes + message.text;
}

ControlMessage unpack_message(std::string_view bytes) {
  int64_t head[2] = {};
  if (bytes.size() >= sizeof head) std::memcpy(head, bytes.data(), sizeof head);
  const uint64_t room = bytes.size() >= sizeof head ? (bytes.size() - sizeof head) / sizeof(int64_t) : 0;
  if (bytes.size() < sizeof head || head[1] < 0 || static_cast<uint64_t>(head[1]) > room) {
    throw InternalError(cat("a control message of ", bytes.size(), " bytes is cut"));
  }
  if (head[0] < 0 || head[0] > static_cast<int64_t>(MessageKind::left)) {
    throw InternalError(cat("a control message has the unknown kind ", head[0]));
  }
  ControlMessage message;
  message.kind = static_cast<MessageKind>(head[0]);
  message.numbers.resize(static_cast<size_t>(head[1]));
  const size_t numbers_bytes = message.numbers.size() * sizeof(int64_t);
  if (numbers_bytes > 0) std::memcpy(message.numbers.data(), bytes.data() + sizeof head, numbers_bytes);
  message.text = bytes.substr(sizeof head + numbers_bytes);
  return message;
}

ControlMessage to_message(const ShardOrder& order) {
  ControlMessage message{MessageKind::write_shard, {order.shard, order.begin}, order.name};
  append_list(message.numbers, order.samples);
  return message;
}

ShardOrder to_shard_order(const ControlMessage& message) {
  NumberReader reader(message);
  ShardOrder order;
  order.shard = reader.next();
  order.name = message.text;
  order.begin = reader.next();
  order.samples = reader.next_list();
  return order;
}

ControlMessage to_message(const WorkOrder& order) {
  ControlMessage message{MessageKind::assign, {order.unit, order.is_retry ? 1 : 0}, order.shard_name};
  append_list(message.numbers, order.positions);
  append_list(message.numbers, order.samples);
  append_list(message.numbers, order.ahead);
  return message;
}

WorkOrder to_work_order(const ControlMessage& message) {
  NumberReader reader(message);
  WorkOrder order;
  order.unit = reader.next();
  order.shard_name = message.text;
  order.is_retry = reader.next() != 0;
  order.positions = reader.next_list();
  order.samples = reader.next_list();
  order.ahead = reader.next_list();
  return order;
}

ControlMessage to_message(const WorkResult& result) {
  ControlMessage message{MessageKind::unit_done, {result.unit, std::bit_cast<int64_t>(result.seconds)}, {}};
  std::vector<int64_t> outcomes;
  for (const WorkResult::Outcome outcome : result.outcomes) outcomes.push_back(static_cast<int64_t>(outcome));
  append_list(message.numbers, outcomes);
  return message;
}

WorkResult to_work_result(const ControlMessage& message) {
  NumberReader reader(message);
  WorkResult result;
  result.unit = reader.next();
  result.seconds = std::bit_cast<double>(reader.next());
  for (const int64_t outcome : reader.next_list()) {
    result.outcomes.push_back(static_cast<WorkResult::Outcome>(outcome));
  }
  return result;
}

ControlMessage to_message(const Usage& usage) {
  ControlMessage message{MessageKind::usage, {}, {}};
  for (const double seconds : usage.seconds) message.numbers.push_back(std::bit_cast<int64_t>(seconds));
  message.numbers.push_back(std::bit_cast<int64_t>(usage.host_memory_bytes));
  message.numbers.push_back(std::bit_cast<int64_t>(usage.device_memory_bytes));
  message.numbers.push_back(usage.num_samples);
  return message;
}

Usage to_usage(const ControlMessage& message) {
  NumberReader reader(message);
  Usage usage;
  for (double& seconds : usage.seconds) seconds = std::bit_cast<double>(reader.next());
  usage.host_memory_bytes = std::bit_cast<double>(reader.next());
  usage.device_memory_bytes = std::bit_cast<double>(reader.next());
  usage.num_samples = reader.next();
  return usage;
}

}  // namespace ditmesh
