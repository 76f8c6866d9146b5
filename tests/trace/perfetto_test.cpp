#include "ditmesh/trace/perfetto.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "ditmesh/base/json.hpp"
#include "traces.hpp"

namespace ditmesh {
namespace {

using testing::RankTraceMaker;

AttemptTrace example() {
  std::vector<RankTrace> ranks;
  for (int32_t rank = 0; rank < 3; ++rank) {
    RankTrace trace = RankTraceMaker(rank, 3).add(Phase::load, 1.5).batch(4 * rank, 4, 3, 0.25).trace();
    Span verb;
    verb.phase = Phase::communicate;
    verb.start_ns = 1'600'000'000;
    verb.duration_ns = 1000;
    verb.bytes = 64;
    verb.group = 1;
    trace.spans.push_back(verb);
    trace.spans.push_back(trace.spans[0]);
    trace.spans.back().lane = Lane::shard;
    trace.spans.back().phase = Phase::shard;
    trace.counters = {{7, 1e9, CounterKind::host_memory, 0, {}}, {8, 12, CounterKind::bytes_sent, 1, {}}};
    ranks.push_back(trace);
  }
  return gather(ranks);
}

// The rules of the Trace Event Format for the events that we write.
TEST(Perfetto, KeepsTheRulesOfTheFormat) {
  std::ostringstream out;
  write_perfetto(example(), out);
  const Json trace = Json::parse(out.str());
  ASSERT_TRUE(trace.at("traceEvents").is_array());
  std::map<int, std::string> processes;
  std::map<std::pair<int, int>, std::string> threads;
  std::map<std::pair<int, int>, std::vector<double>> open_ends;
  int num_spans = 0;
  int num_counters = 0;
  for (const Json& event : trace.at("traceEvents")) {
    ASSERT_TRUE(event.at("name").is_string());
    ASSERT_TRUE(event.at("pid").is_number_integer());
    const int process = event.at("pid");
    const std::string kind = event.at("ph");
    if (kind == "M") {
      if (event.at("name") == "process_name") processes[process] = event.at("args").at("name");
      if (event.at("name") == "thread_name")
        threads[{process, event.at("tid")}] = event.at("args").at("name");
      continue;
    }
    EXPECT_GE(event.at("ts").get<double>(), 0);
    if (kind == "C") {
      ++num_counters;
      for (const auto& [series, value] : event.at("args").items()) EXPECT_TRUE(value.is_number()) << series;
      continue;
    }
    ASSERT_EQ(kind, "X");
    ++num_spans;
    const std::pair thread{process, event.at("tid").get<int>()};
    EXPECT_TRUE(processes.contains(process)) << "named before its first span";
    EXPECT_TRUE(threads.contains(thread));
    // Spans of a thread lie one after the other, or one inside of the other.
    const double begin = event.at("ts");
    const double end = begin + event.at("dur").get<double>();
    auto& ends = open_ends[thread];
    while (!ends.empty() && ends.back() <= begin + 1e-3) ends.pop_back();
    if (!ends.empty()) {
      EXPECT_LE(end, ends.back() + 1e-3);
    }
    ends.push_back(end);
  }
  EXPECT_EQ(processes, (std::map<int, std::string>{
                           {0, "rank 0 on node0"}, {1, "rank 1 on node0"}, {2, "rank 2 on node1"}}));
  EXPECT_EQ((threads[{2, 2}]), "shard");
  EXPECT_EQ(num_spans, 3 * 7);
  EXPECT_EQ(num_counters, 6);
}

TEST(Perfetto, SaysWhatASpanWas) {
  std::ostringstream out;
  write_perfetto(example(), out);
  Json step;
  Json verb;
  const Json trace = Json::parse(out.str());
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("name") == "denoise" && event.at("pid") == 1) step = event;
    if (event.at("name") == "communicate") verb = event;
  }
  EXPECT_EQ(step.at("args"), (Json{{"sample", 4}, {"num_samples", 4}, {"step", 2}}));
  EXPECT_DOUBLE_EQ(step.at("ts"), 2e6);
  EXPECT_DOUBLE_EQ(step.at("dur"), 0.25e6);
  EXPECT_EQ(step.at("cat"), "useful");
  EXPECT_EQ(verb.at("args"), (Json{{"group", "ulysses"}, {"bytes", 64}}));
}

}  // namespace
}  // namespace ditmesh
