#include "ditmesh/job/job_control.hpp"

#include <algorithm>
#include <utility>

#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// A message waits this long at most; short against a batch, long against what looking costs.
constexpr std::chrono::milliseconds kPoll{1};
constexpr std::chrono::milliseconds kTick{50};
constexpr std::chrono::seconds kUsage{2};

bool is_for_coordinator(MessageKind kind) { return kind <= MessageKind::leave; }

}  // namespace

JobControl::JobControl(std::unique_ptr<ControlChannel> channel, Activity& activity,
                       std::unique_ptr<Coordinator> coordinator, Hooks hooks)
    : activity_(activity),
      coordinator_(std::move(coordinator)),
      hooks_(std::move(hooks)),
      channel_(std::move(channel)),
      counts_(coordinator_ ? coordinator_->counts() : JobCounts{}),
      last_tick_(JobClock::now()),
      last_usage_(last_tick_),
      thread_([this] { run(); }) {}

JobControl::~JobControl() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void JobControl::post(ControlMessage message) {
  {
    const std::lock_guard lock(mutex_);
    outgoing_.push_back(std::move(message));
  }
  changed_.notify_all();
}

std::optional<WorkOrder> JobControl::next_order() {
  activity_.set("waiting for work");
  std::unique_lock lock(mutex_);
  if (!ended_) {
    outgoing_.push_back({MessageKind::ready, {}, {}});
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return order_ || ended_; });
  if (ended_ && stop_reason_ == StopReason::none) return std::nullopt;
  auto order = std::exchange(order_, std::nullopt);
  if (ended_ && order) {
    // It came just before the stop: nobody makes it now.
    lock.unlock();
    drop(*order);
    return std::nullopt;
  }
  return order;
}

void JobControl::drop(const WorkOrder& order) { unit_saved({order.unit, {}, 0}); }

JobCounts JobControl::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<Usage> JobControl::usage() const {
  const std::lock_guard lock(mutex_);
  return usage_;
}

void JobControl::wait_for_end() {
  activity_.set("waiting for the end");
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_; });
}

void JobControl::leave() {
  activity_.set("leaving");
  post({MessageKind::leave, {}, {}});
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return left_; });
}

void JobControl::run() {
  try {
    serve();
  } catch (...) {
    hooks_.failed(std::current_exception());
  }
}

void JobControl::serve() {
  while (true) {
    std::deque<ControlMessage> outgoing;
    bool quit = false;
    {
      const std::lock_guard lock(mutex_);
      outgoing = std::exchange(outgoing_, {});
      quit = quit_;
    }
    for (const ControlMessage& message : outgoing) {
      if (message.kind == MessageKind::leave) tell_usage();
      channel_->send(0, pack(message));
    }
    if (JobClock::now() - last_usage_ >= kUsage) tell_usage();
    const bool received = receive_all();
    look_for_signals();
    if (coordinator_) tick();
    if (quit && (!coordinator_ || coordinator_->everybody_left()) && !channel_->is_sending()) return;
    if (received) continue;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPoll, [&] { return !outgoing_.empty(); });
  }
}

bool JobControl::receive_all() {
  bool any = false;
  while (const auto received = channel_->receive()) {
    any = true;
    const ControlMessage message = unpack_message(received->bytes);
    if (message.kind == MessageKind::usage) {
      const std::lock_guard lock(mutex_);
      const auto rank = static_cast<size_t>(received->rank);
      if (usage_.size() <= rank) usage_.resize(rank + 1);
      usage_[rank] = to_usage(message);
    } else if (is_for_coordinator(message.kind)) {
      send(coordinator_->on_message(received->rank, message, JobClock::now()));
    } else {
      take(message);
    }
  }
  if (coordinator_ && any) {
    const std::lock_guard lock(mutex_);
    counts_ = coordinator_->counts();
  }
  return any;
}

void JobControl::take(const ControlMessage& message) {
  if (message.kind == MessageKind::write_shard) {
    hooks_.write_shard(to_shard_order(message));
    return;
  }
  if (message.kind == MessageKind::close_journal) {
    hooks_.close_journal(message.text);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    switch (message.kind) {
      case MessageKind::assign:
        order_ = to_work_order(message);
        break;
      case MessageKind::stop:
        stop_reason_ = static_cast<StopReason>(message.numbers.at(0));
        ended_ = true;
        break;
      case MessageKind::finish:
        ended_ = true;
        break;
      case MessageKind::left:
        left_ = true;
        break;
      default:
        break;
    }
  }
  changed_.notify_all();
}

void JobControl::send(const Coordinator::Outbox& outbox) {
  for (const Coordinator::Outgoing& outgoing : outbox) channel_->send(outgoing.rank, pack(outgoing.message));
}

void JobControl::look_for_signals() {
  const StopReason reason = hooks_.stop_signal();
  if (reason == requested_) return;
  requested_ = reason;
  channel_->send(0, pack({MessageKind::stop_request, {static_cast<int64_t>(reason)}, {}}));
}

void JobControl::tell_usage() {
  last_usage_ = JobClock::now();
  if (hooks_.usage) channel_->send(0, pack(to_message(hooks_.usage())));
}

void JobControl::tick() {
  const auto now = JobClock::now();
  if (now - last_tick_ < kTick) return;
  last_tick_ = now;
  send(coordinator_->on_tick(now));
}

}  // namespace ditmesh
