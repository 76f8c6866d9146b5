#include "ditmesh/job/activity.hpp"

#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

void Activity::set_coordinate(std::string coordinate) {
  const std::lock_guard lock(mutex_);
  coordinate_ = std::move(coordinate);
}

void Activity::set(std::string doing) {
  const std::lock_guard lock(mutex_);
  doing_ = std::move(doing);
  step_ = steps_ = 0;
  ++num_changes_;
}

void Activity::set_step(int64_t step, int64_t steps) {
  const std::lock_guard lock(mutex_);
  step_ = step;
  steps_ = steps;
  ++num_changes_;
}

Heartbeat Activity::now() const {
  const std::lock_guard lock(mutex_);
  Heartbeat heartbeat{coordinate_, doing_, num_changes_, num_collectives_, is_waiting_};
  if (step_ > 0) heartbeat.doing += cat(" ", step_);
  if (steps_ > 0) heartbeat.doing += cat(" of ", steps_);
  if (is_waiting_) heartbeat.doing += cat(", waits for all ranks in collective ", num_collectives_);
  return heartbeat;
}

uint64_t Activity::num_changes() const {
  const std::lock_guard lock(mutex_);
  return num_changes_;
}

Activity::Waiting::Waiting(Activity& activity) : activity_(activity) {
  const std::lock_guard lock(activity_.mutex_);
  ++activity_.num_collectives_;
  ++activity_.num_changes_;
  activity_.is_waiting_ = true;
}

Activity::Waiting::~Waiting() {
  const std::lock_guard lock(activity_.mutex_);
  ++activity_.num_changes_;
  activity_.is_waiting_ = false;
}

std::string pack(const Heartbeat& heartbeat) {
  return cat(heartbeat.num_changes, ' ', heartbeat.num_collectives, ' ', heartbeat.is_waiting ? 1 : 0, ' ',
             heartbeat.coordinate, '\n', heartbeat.doing);
}

Heartbeat unpack_heartbeat(const std::string& bytes) {
  const size_t end = bytes.find('\n');
  const auto head = split(bytes.substr(0, end), ' ');
  const auto num_changes = parse_int(head.front());
  const auto num_collectives = head.size() == 4 ? parse_int(head[1]) : std::nullopt;
  if (end == std::string::npos || !num_changes || !num_collectives) {
    throw InternalError(cat("'", bytes, "' is no heartbeat"));
  }
  return {head[3], bytes.substr(end + 1), static_cast<uint64_t>(*num_changes),
          static_cast<uint64_t>(*num_collectives), head[2] == "1"};
}

}  // namespace ditmesh
