#include "ditmesh/trace/perfetto.hpp"

#include <ostream>
#include <string>

#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

double microseconds(int64_t ns) { return static_cast<double>(ns) * 1e-3; }

// Events one by one: a trace may be larger than memory as a JSON tree.
class Events {
 public:
  explicit Events(std::ostream& out) : out_(out) { out_ << "{\"displayTimeUnit\":\"ms\",\"traceEvents\":["; }
  void add(const OrderedJson& event) {
    out_ << (is_first_ ? "\n" : ",\n") << event.dump();
    is_first_ = false;
  }
  void end() { out_ << "\n]}\n"; }

 private:
  std::ostream& out_;
  bool is_first_ = true;
};

void add_names(const RankInfo& rank, Events& events) {
  const auto name = [&](const char* what, size_t thread, OrderedJson arguments) {
    events.add(
        {{"name", what}, {"ph", "M"}, {"pid", rank.rank}, {"tid", thread}, {"args", std::move(arguments)}});
  };
  name("process_name", 0, {{"name", cat("rank ", rank.rank, " on ", rank.host)}});
  name("process_labels", 0, {{"labels", cat(rank.coordinate, ", ", rank.device)}});
  name("process_sort_index", 0, {{"sort_index", rank.rank}});
  for (size_t lane = 0; lane < kNumLanes; ++lane) {
    name("thread_name", lane, {{"name", name_of(static_cast<Lane>(lane))}});
    name("thread_sort_index", lane, {{"sort_index", lane}});
  }
}

std::string group_name(const RankInfo& rank, uint8_t group) {
  return group < rank.groups.size() ? rank.groups[group] : cat("group ", int{group});
}

void add_span(const RankInfo& rank, const Span& span, Events& events) {
  OrderedJson arguments = OrderedJson::object();
  if (span.sample >= 0) arguments["sample"] = span.sample;
  if (span.num_samples > 0) arguments["num_samples"] = span.num_samples;
  if (span.step >= 0) arguments["step"] = span.step;
  if (span.phase == Phase::communicate) {
    arguments["group"] = group_name(rank, span.group);
    arguments["bytes"] = span.bytes;
  }
  events.add({{"name", name_of(span.phase)},
              {"cat", is_useful(span.phase)    ? "useful"
                      : is_waiting(span.phase) ? "waiting"
                                               : "other"},
              {"ph", "X"},
              {"ts", microseconds(span.start_ns)},
              {"dur", microseconds(span.duration_ns)},
              {"pid", rank.rank},
              {"tid", static_cast<int>(span.lane)},
              {"args", std::move(arguments)}});
}

void add_counter(const RankInfo& rank, const CounterValue& value, Events& events) {
  std::string name(name_of(value.kind));
  if (value.kind == CounterKind::bytes_sent) name += cat(" ", group_name(rank, value.group));
  events.add({{"name", std::move(name)},
              {"ph", "C"},
              {"ts", microseconds(value.time_ns)},
              {"pid", rank.rank},
              {"args", {{std::string(unit_of(value.kind)), value.value}}}});
}

}  // namespace

void write_perfetto(const AttemptTrace& trace, std::ostream& out) {
  Events events(out);
  for (const RankTrace& rank : trace.ranks) {
    add_names(rank.info, events);
    for (const Span& span : rank.spans) add_span(rank.info, span, events);
    for (const CounterValue& value : rank.counters) add_counter(rank.info, value, events);
  }
  events.end();
}

}  // namespace ditmesh
