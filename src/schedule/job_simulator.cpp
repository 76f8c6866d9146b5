#include "ditmesh/schedule/job_simulator.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <queue>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

struct Batch {
  int64_t samples = 0;
  double seconds = 0;
};

class Queue {
 public:
  explicit Queue(const std::vector<JobBatches>& batches) : batches_(batches) {}

  std::optional<Batch> next() {
    if (!returned_.empty()) {
      const Batch batch = returned_.front();
      returned_.pop_front();
      return batch;
    }
    while (kind_ < batches_.size() && taken_ == batches_[kind_].count) {
      ++kind_;
      taken_ = 0;
    }
    if (kind_ == batches_.size()) return std::nullopt;
    ++taken_;
    return Batch{batches_[kind_].samples, batches_[kind_].seconds};
  }
  void put_back(const Batch& batch) { returned_.push_back(batch); }

 private:
  const std::vector<JobBatches>& batches_;
  size_t kind_ = 0;
  int64_t taken_ = 0;  // of batches_[kind_]
  std::deque<Batch> returned_;
};

int64_t nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

// The spans of one replica, neighbours taken together.
class Stretches {
 public:
  Stretches(int replica, int num_replicas) {
    trace_.info.rank = replica;
    trace_.info.num_ranks = num_replicas;
    trace_.info.coordinate = cat("data=", replica);
    trace_.info.host = cat("replica", replica);
    trace_.info.device = "simulated";
    trace_.is_closed = true;
  }

  void add(double from, double until, int64_t samples, double stretch_s) {
    if (is_open_ && from - until_ <= kGap * (until - from) && until_ - from_ < stretch_s) {
      until_ = until;
      samples_ += samples;
      return;
    }
    close();
    is_open_ = true;
    from_ = from;
    until_ = until;
    samples_ = samples;
  }

  RankTrace finish(double end) {
    close();
    if (end > until_) put(Phase::end_wait, until_, end, 0);
    return std::move(trace_);
  }

 private:
  // Hand-outs this short beside a batch are not drawn.
  static constexpr double kGap = 0.1;

  void close() {
    if (!is_open_) return;
    put(Phase::denoise, from_, until_, samples_);
    put(Phase::decode, until_, until_, samples_);
    is_open_ = false;
  }
  void put(Phase phase, double from, double until, int64_t samples) {
    Span span;
    span.phase = phase;
    span.start_ns = nanoseconds(from);
    span.duration_ns = nanoseconds(until) - span.start_ns;
    span.num_samples = static_cast<int32_t>(samples);
    trace_.spans.push_back(span);
  }

  RankTrace trace_{};
  bool is_open_ = false;
  double from_ = 0;
  double until_ = 0;
  int64_t samples_ = 0;
};

class JobSimulator {
 public:
  explicit JobSimulator(const JobPlan& plan) : plan_(plan), queue_(plan.batches) {
    check();
    const int num_replicas = static_cast<int>(plan.slowness.size());
    for (int replica = 0; replica < num_replicas; ++replica) stretches_.emplace_back(replica, num_replicas);
    replicas_.resize(plan.slowness.size());
    result_.samples_of.resize(plan.slowness.size());
    double speed = 0;
    for (const double slowness : plan.slowness) speed += 1 / slowness;
    double work_s = 0;
    for (const JobBatches& batches : plan.batches) {
      work_s += static_cast<double>(batches.count) * batches.seconds;
      num_left_ += batches.count;
    }
    stretch_s_ = work_s / speed / plan.trace_stretches;
    for (size_t i = 0; i < plan.failures.size(); ++i) {
      at(plan.failures[i].time_s, Event::Kind::failure, static_cast<int>(i), 0);
    }
  }

  JobSimulation run() {
    for (int replica = 0; replica < static_cast<int>(replicas_.size()); ++replica) ask(replica);
    while (num_left_ > 0) {
      if (events_.empty()) {
        throw ConfigError(cat("all ", replicas_.size(), " replicas are down with ", num_left_,
                              " batches still to be made"));
      }
      const Event event = events_.top();
      events_.pop();
      now_ = event.time;
      happen(event);
    }
    return finish();
  }

 private:
  struct Event {
    enum class Kind { failure, back, lost_returns, made } kind;
    double time;
    int64_t number;
    int subject;      // a replica, or the failure
    int64_t version;  // of the replica's batch

    bool operator>(const Event& other) const {
      return time != other.time ? time > other.time : number > other.number;
    }
  };
  struct Replica {
    bool is_up = true;
    bool is_waiting = false;
    std::optional<Batch> batch{};
    double begun_s = 0;
    int64_t version = 0;
  };

  void check() const {
    const auto refuse = [](const std::string& rule) { throw ConfigError(rule); };
    if (plan_.slowness.empty()) refuse("a job needs a replica");
    for (const double slowness : plan_.slowness) {
      if (!(slowness > 0)) refuse(cat("a replica's slowness must be above 0, found ", slowness));
    }
    for (const JobFailure& failure : plan_.failures) {
      for (const int replica : failure.replicas) {
        if (replica < 0 || replica >= static_cast<int>(plan_.slowness.size())) {
          refuse(cat("replica ", replica, " fails, the job has ", plan_.slowness.size()));
        }
      }
    }
  }

  void at(double time, Event::Kind kind, int subject, int64_t version) {
    events_.push({kind, time, num_events_++, subject, version});
  }

  Replica& replica(int number) { return replicas_[static_cast<size_t>(number)]; }

  void ask(int number) {
    Replica& asking = replica(number);
    asking.is_waiting = false;
    asking.batch = queue_.next();
    if (!asking.batch) {
      if (!first_idle_s_) first_idle_s_ = now_;
      asking.is_waiting = true;
      waiting_.push_back(number);
      return;
    }
    asking.begun_s = now_ + plan_.hand_out_s;
    const double took_s = asking.batch->seconds * plan_.slowness[static_cast<size_t>(number)];
    at(asking.begun_s + took_s, Event::Kind::made, number, ++asking.version);
  }

  void happen(const Event& event) {
    switch (event.kind) {
      case Event::Kind::made:
        if (event.version == replica(event.subject).version) made(event.subject);
        break;
      case Event::Kind::failure:
        fail(plan_.failures[static_cast<size_t>(event.subject)]);
        break;
      case Event::Kind::back:
        replica(event.subject).is_up = true;
        ask(event.subject);
        break;
      case Event::Kind::lost_returns:
        queue_.put_back(lost_.front());
        lost_.pop_front();
        wake_one();
        break;
    }
  }

  void made(int number) {
    Replica& maker = replica(number);
    making_s_ += now_ - maker.begun_s;
    result_.samples_made += maker.batch->samples;
    result_.samples_of[static_cast<size_t>(number)] += maker.batch->samples;
    stretches_[static_cast<size_t>(number)].add(maker.begun_s, now_, maker.batch->samples, stretch_s_);
    --num_left_;
    ask(number);
  }

  void fail(const JobFailure& failure) {
    for (const int number : failure.replicas) {
      Replica& failing = replica(number);
      if (!failing.is_up) continue;
      failing.is_up = false;
      failing.is_waiting = false;
      ++failing.version;  // what it was making will not be made
      if (failing.batch) {
        making_s_ += std::max(0.0, now_ - failing.begun_s);
        result_.samples_redone += failing.batch->samples;
        add_lost(*failing.batch, now_ + failure.noticed_after_s);
        failing.batch.reset();
      }
      if (std::isfinite(failure.back_after_s)) at(now_ + failure.back_after_s, Event::Kind::back, number, 0);
    }
  }

  // Lost batches come back in the order in which they are noticed.
  void add_lost(const Batch& batch, double time) {
    const auto later = std::upper_bound(lost_times_.begin(), lost_times_.end(), time);
    lost_.insert(lost_.begin() + (later - lost_times_.begin()), batch);
    lost_times_.insert(later, time);
    at(time, Event::Kind::lost_returns, 0, 0);
  }

  void wake_one() {
    lost_times_.pop_front();
    while (!waiting_.empty()) {
      const int number = waiting_.front();
      waiting_.pop_front();
      if (!replica(number).is_waiting) continue;
      ask(number);
      return;
    }
  }

  JobSimulation finish() {
    result_.total_s = now_;
    result_.tail_s = first_idle_s_ ? now_ - *first_idle_s_ : 0;
    if (now_ > 0) result_.idle_share = 1 - making_s_ / (now_ * static_cast<double>(replicas_.size()));
    std::vector<RankTrace> traces;
    for (Stretches& stretches : stretches_) traces.push_back(stretches.finish(now_));
    result_.trace = gather(std::move(traces));
    return std::move(result_);
  }

  const JobPlan& plan_;
  Queue queue_;
  std::vector<Replica> replicas_;
  std::vector<Stretches> stretches_;
  std::deque<int> waiting_;  // replicas that found nothing
  std::deque<Batch> lost_;   // not yet noticed, by when they will be
  std::deque<double> lost_times_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  int64_t num_events_ = 0;
  int64_t num_left_ = 0;  // batches
  double now_ = 0;
  double making_s_ = 0;
  double stretch_s_ = 0;
  std::optional<double> first_idle_s_;
  JobSimulation result_;
};

}  // namespace

JobSimulation simulate_job(const JobPlan& plan) { return JobSimulator(plan).run(); }

}  // namespace ditmesh
