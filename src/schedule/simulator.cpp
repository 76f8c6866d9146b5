#include "ditmesh/schedule/simulator.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <queue>
#include <utility>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "simulation_trace.hpp"
#include "transfer_shape.hpp"
#include "verb_groups.hpp"

namespace ditmesh {

namespace {

std::vector<double> link_rates(const Router& router) {
  std::vector<double> rates;
  for (int link = 0; link < router.num_links(); ++link) {
    const double rate = router.link(link).bytes_per_s;
    // An uplink that nobody knows gives what comes from below.
    rates.push_back(rate > 0 ? rate : FluidNetwork::kNever);
  }
  return rates;
}

class Simulator {
 public:
  Simulator(const Schedule& schedule, const Router& router, const std::vector<DeviceId>& devices,
            const OperationCosts& costs, const SimulationOptions& options)
      : schedule_(schedule),
        costs_(costs),
        options_(options),
        network_(link_rates(router)),
        shapes_(router, devices, [&costs](Level level) { return costs.link_share(level); }),
        groups_(schedule.mesh) {
    const int size = schedule.mesh.size();
    if (static_cast<int>(devices.size()) != size) {
      throw InternalError(cat("a mesh of ", size, " ranks has ", devices.size(), " devices"));
    }
    for (int rank = 0; rank < size; ++rank) programs_.push_back(program_of(schedule, rank));
    for (int rank = 0; rank < size; ++rank) {
      const auto index = static_cast<size_t>(rank);
      traces_.emplace_back(schedule, programs_[index], rank, router.cluster(), devices[index]);
    }
    ranks_.resize(programs_.size());
    result_.compute_s.resize(programs_.size());
    step_end_s_.resize(static_cast<size_t>(schedule.workload.steps));
  }

  Simulation run() {
    for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) begin_operation(rank);
    for (;;) {
      // Whatever happens at one time happens before the links are shared anew.
      const double event_s = events_.empty() ? FluidNetwork::kNever : events_.top().time;
      if (event_s <= now_) {
        const Event event = events_.top();
        events_.pop();
        happen(event);
        continue;
      }
      const double end_s = network_.next_end();
      if (event_s == FluidNetwork::kNever && end_s == FluidNetwork::kNever) break;
      now_ = std::max(now_, std::min(event_s, end_s));
      if (end_s <= event_s) end_transfer(network_.end_next());
    }
    return finish();
  }

 private:
  struct Event {
    double time = 0;
    int64_t number = 0;  // first come, first served
    enum class Kind { computed, flows } kind = Kind::computed;
    int subject = 0;  // the rank, or the transfer

    bool operator>(const Event& other) const {
      return time != other.time ? time > other.time : number > other.number;
    }
  };

  // How far a rank is. An operation is done in stages, each of which waits for some things at once:
  //   0 computing (of blocks: but for attention), 1 attention and the verbs beside it, 2… verb after verb
  struct Rank {
    size_t place = 0;
    size_t stage = 0;
    int num_awaited = 0;
    double stage_s = 0;  // began
    bool is_computing = false;
    double computed_s = 0;  // when it last ended
    std::vector<const Collective*> beside{};
    std::vector<const Collective*> after{};
    // Latents that were asked for and may still be on their way: how many messages must have come.
    std::map<std::array<int, 3>, int> latents{};
  };

  // What was sent from one rank to another and has not been taken.
  struct Channel {
    std::deque<double> sent{};  // bytes, not yet under way
    bool is_moving = false;
    bool is_sender_waiting = false;
    bool is_receiver_waiting = false;
    int num_arrived = 0;  // so far
    int num_asked = 0;    // receives so far
    int num_wanted = 0;   // before the receiver goes on, if it waits
  };

  struct Transfer {
    const TransferShape* shape = nullptr;
    double flow_bytes = 0;
    int group = -1;
    Axis axis = Axis::tensor;
    std::pair<int, int> channel{};  // if it is of no group
  };

  Rank& rank_of(int rank) { return ranks_[static_cast<size_t>(rank)]; }
  SimulatedRankTrace& trace_of(int rank) { return traces_[static_cast<size_t>(rank)]; }
  const Program& program(int rank) const { return programs_[static_cast<size_t>(rank)]; }
  const Operation& operation(int rank) { return program(rank)[rank_of(rank).place]; }
  void at(double time, Event::Kind kind, int subject) { events_.push({time, num_events_++, kind, subject}); }

  void happen(const Event& event) {
    if (event.kind == Event::Kind::computed) {
      rank_of(event.subject).computed_s = now_;
      rank_of(event.subject).is_computing = false;
      arrive(event.subject);
      return;
    }
    const Transfer& transfer = transfers_[static_cast<size_t>(event.subject)];
    const int flows =
        network_.start(now_, transfer.shape->loads, transfer.flow_bytes, transfer.shape->most_bytes_per_s);
    if (static_cast<size_t>(flows) >= transfer_of_flows_.size()) {
      transfer_of_flows_.resize(static_cast<size_t>(flows) + 1);
    }
    transfer_of_flows_[static_cast<size_t>(flows)] = event.subject;
  }

  void begin_operation(int number) {
    Rank& rank = rank_of(number);
    if (rank.place == program(number).size()) {
      result_.total_s = std::max(result_.total_s, now_);
      return;
    }
    trace_of(number).begin(rank.place, now_);
    rank.stage = 0;
    rank.beside.clear();
    rank.after.clear();
    for (const Collective& verb : operation(number).collectives) {
      (verb.overlapped ? rank.beside : rank.after).push_back(&verb);
    }
    rank.stage_s = now_;
    if (!waits_for_latents(number)) begin_stage(number);
  }

  void begin_stage(int number) {
    Rank& rank = rank_of(number);
    const Operation& current = operation(number);
    rank.stage_s = now_;
    if (current.kind == OperationKind::send || current.kind == OperationKind::receive) {
      move(number);
      return;
    }
    if (rank.stage < 2) {
      const double all_s = costs_.seconds(current, number);
      const double attention_s = rank.beside.empty() ? 0 : all_s * costs_.attention_share(current);
      const double own_s = rank.stage == 0 ? all_s - attention_s : attention_s;
      result_.compute_s[static_cast<size_t>(number)] += own_s;
      rank.num_awaited = 1;
      rank.is_computing = true;
      if (rank.stage == 1) {
        rank.num_awaited += static_cast<int>(rank.beside.size());
        for (const Collective* verb : rank.beside) join_verb(number, *verb);
      }
      at(now_ + own_s, Event::Kind::computed, number);
      return;
    }
    rank.num_awaited = 1;
    join_verb(number, *rank.after[rank.stage - 2]);
  }

  // One of the things that the rank's stage waits for is there.
  void arrive(int number) {
    Rank& rank = rank_of(number);
    if (--rank.num_awaited > 0) return;
    const size_t num_stages = rank.after.empty() && rank.beside.empty() ? 1 : 2 + rank.after.size();
    if (++rank.stage < num_stages) {
      begin_stage(number);
      return;
    }
    end_operation(number);
  }

  void end_operation(int number) {
    Rank& rank = rank_of(number);
    const Operation& current = operation(number);
    if (current.kind == OperationKind::scheduler) {
      double& end_s = step_end_s_[static_cast<size_t>(current.step)];
      end_s = std::max(end_s, now_);
    }
    trace_of(number).end(rank.place, now_);
    ++rank.place;
    begin_operation(number);
  }

  // How often the operation does what its verbs say.
  static double repeats(const Operation& operation) {
    return operation.kind == OperationKind::blocks ? static_cast<double>(operation.blocks.size()) : 1;
  }

  void join_verb(int number, const Collective& verb) {
    const double calls = verb.calls * repeats(operation(number));
    const auto met = groups_.join(number, verb.axis, static_cast<double>(verb.bytes) * calls, calls);
    if (!met) return;
    const std::vector<int>& ranks = groups_.ranks(met->group);
    Transfer transfer;
    transfer.shape = &shapes_.of_verb(met->group, ranks, verb.pattern);
    transfer.flow_bytes =
        TransferShapes::flow_bytes(verb.pattern, ranks.size(), met->all_bytes, met->most_bytes);
    transfer.group = met->group;
    transfer.axis = verb.axis;
    count_bytes(*transfer.shape, met->all_bytes);
    const double start_s =
        costs_.start_seconds(verb.pattern, static_cast<int>(ranks.size()), transfer.shape->level);
    start(transfer, met->calls * (start_s + transfer.shape->latency_s));
  }

  void count_bytes(const TransferShape& shape, double bytes) {
    for (size_t level = 0; level < kNumLevels; ++level) {
      result_.bytes[level] += bytes * shape.flows[level] / shape.num_flows;
    }
  }

  void start(const Transfer& transfer, double delay_s) {
    int number = static_cast<int>(transfers_.size());
    if (unused_.empty()) {
      transfers_.push_back(transfer);
    } else {
      number = unused_.back();
      unused_.pop_back();
      transfers_[static_cast<size_t>(number)] = transfer;
    }
    at(now_ + delay_s, Event::Kind::flows, number);
  }

  void end_transfer(int flows) {
    const int number = transfer_of_flows_[static_cast<size_t>(flows)];
    const Transfer transfer = transfers_[static_cast<size_t>(number)];
    unused_.push_back(number);
    if (transfer.group < 0) {
      end_message(transfer.channel);
      return;
    }
    for (const int member : groups_.ranks(transfer.group)) {
      Rank& rank = rank_of(member);
      // A verb beside attention is waited for from attention's end on.
      const bool is_beside = rank.stage == 1;
      const double from_s = !is_beside ? rank.stage_s : rank.is_computing ? now_ : rank.computed_s;
      for (const Collective* verb : is_beside ? rank.beside : rank.after) {
        if (verb->axis != transfer.axis || (!is_beside && verb != rank.after[rank.stage - 2])) continue;
        trace_of(member).wait(rank.place, verb->axis, from_s, now_,
                              static_cast<double>(verb->bytes) * verb->calls * repeats(operation(member)));
      }
      arrive(member);
    }
  }

  static std::array<int, 3> part_of(const Operation& operation) {
    return {operation.batch, operation.step, operation.patch};
  }

  void move(int number) {
    const Operation& current = operation(number);
    Rank& rank = rank_of(number);
    if (current.kind == OperationKind::send) {
      const std::pair<int, int> pair = {number, current.peer};
      Channel& channel = channels_[pair];
      channel.sent.push_back(static_cast<double>(current.bytes));
      channel.is_sender_waiting = options_.blocking_sends;
      move_next(pair, channel);
      if (!options_.blocking_sends) end_message_of(number, static_cast<double>(current.bytes));
      return;
    }
    const std::pair<int, int> pair = {current.peer, number};
    const int wanted = ++channels_[pair].num_asked;
    if (current.payload == Payload::latents && !options_.blocking_sends) {
      rank.latents[part_of(current)] = wanted;
      end_operation(number);
    } else if (!waits_for(pair, wanted)) {
      end_message_of(number, 0);
    }
  }

  // Whether the receiver must wait until so many messages of the pair have come.
  bool waits_for(const std::pair<int, int>& pair, int wanted) {
    Channel& channel = channels_[pair];
    if (channel.num_arrived >= wanted) return false;
    channel.num_wanted = wanted;
    channel.is_receiver_waiting = true;
    move_next(pair, channel);
    return true;
  }

  // Whether an embedding must wait for its latents.
  bool waits_for_latents(int number) {
    const Operation& current = operation(number);
    if (current.kind != OperationKind::embed) return false;
    Rank& rank = rank_of(number);
    const auto asked = rank.latents.find(part_of(current));
    if (asked == rank.latents.end()) return false;
    const int wanted = asked->second;
    rank.latents.erase(asked);
    const auto stages = schedule_.mesh.group(number, Axis::pipeline);
    return waits_for({stages.back(), number}, wanted);
  }

  // Messages of a pair go one after the other, in order.
  void move_next(const std::pair<int, int>& pair, Channel& channel) {
    if (channel.is_moving || channel.sent.empty()) return;
    if (options_.blocking_sends && !channel.is_receiver_waiting) return;
    channel.is_moving = true;
    Transfer transfer;
    transfer.shape = &shapes_.of_message(pair.first, pair.second);
    transfer.flow_bytes = channel.sent.front();
    transfer.channel = pair;
    channel.sent.pop_front();
    count_bytes(*transfer.shape, transfer.flow_bytes);
    start(transfer,
          costs_.start_seconds(Pattern::exchange, 2, transfer.shape->level) + transfer.shape->latency_s);
  }

  void end_message(const std::pair<int, int>& pair) {
    Channel& channel = channels_[pair];
    channel.is_moving = false;
    const bool is_sender_free = std::exchange(channel.is_sender_waiting, false);
    ++channel.num_arrived;
    const bool goes_on = channel.is_receiver_waiting && channel.num_arrived >= channel.num_wanted;
    if (goes_on) channel.is_receiver_waiting = false;
    move_next(pair, channel);
    if (is_sender_free) end_message_of(pair.first, static_cast<double>(operation(pair.first).bytes));
    if (!goes_on) return;
    if (operation(pair.second).kind == OperationKind::embed) {
      record_message(pair.second, 0);
      begin_stage(pair.second);
    } else {
      end_message_of(pair.second, 0);
    }
  }

  void record_message(int number, double bytes_sent) {
    trace_of(number).wait(rank_of(number).place, Axis::pipeline, rank_of(number).stage_s, now_, bytes_sent);
  }

  // The rank's send or receive is over.
  void end_message_of(int number, double bytes_sent) {
    record_message(number, bytes_sent);
    end_operation(number);
  }

  Simulation finish() {
    double compute_s = 0;
    for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
      if (rank_of(rank).place < program(rank).size()) {
        throw InternalError(cat("simulated rank ", rank, " waits for ever in ", operation(rank)));
      }
      compute_s += result_.compute_s[static_cast<size_t>(rank)];
    }
    if (result_.total_s > 0) {
      result_.bubble_share = 1 - compute_s / (result_.total_s * static_cast<double>(ranks_.size()));
    }
    for (size_t step = 0; step < step_end_s_.size(); ++step) {
      result_.step_s.push_back(step_end_s_[step] - (step == 0 ? 0 : step_end_s_[step - 1]));
    }
    std::vector<RankTrace> traces;
    for (SimulatedRankTrace& trace : traces_) traces.push_back(trace.take());
    result_.trace = gather(std::move(traces));
    return std::move(result_);
  }

  const Schedule& schedule_;
  const OperationCosts& costs_;
  const SimulationOptions options_;
  std::vector<Program> programs_;
  std::vector<SimulatedRankTrace> traces_;
  FluidNetwork network_;
  TransferShapes shapes_;
  VerbGroups groups_;
  std::vector<Rank> ranks_;
  std::map<std::pair<int, int>, Channel> channels_;  // from, to
  std::vector<Transfer> transfers_;
  std::vector<int> unused_;             // of transfers_
  std::vector<int> transfer_of_flows_;  // by the network's number
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  int64_t num_events_ = 0;
  double now_ = 0;
  std::vector<double> step_end_s_;
  Simulation result_;
};

}  // namespace

Simulation simulate(const Schedule& schedule, const Router& router, const std::vector<DeviceId>& devices,
                    const OperationCosts& costs, const SimulationOptions& options) {
  return Simulator(schedule, router, devices, costs, options).run();
}

}  // namespace ditmesh
