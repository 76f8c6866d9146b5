#include "ditmesh/trace/recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

RankInfo info() {
  RankInfo info;
  info.rank = 2;
  info.groups = {"tensor", "ring"};
  return info;
}

TEST(Recorder, LeavesWhatItsLanesRecorded) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.spans";
  const int64_t start_ns = nanoseconds_now();
  {
    Recorder recorder(path, info(), [] { return 77.0; }, {});
    const LaneRecorder generate = recorder.lane(Lane::generate);
    const LaneRecorder journal = recorder.lane(Lane::journal);
    std::thread other([&] {
      for (int i = 0; i < 1000; ++i) const auto scope = journal.scope(Phase::journal, i, 1);
    });
    for (int i = 0; i < 1000; ++i) const auto scope = generate.scope(Phase::denoise, i, 4);
    other.join();
    recorder.set_clock({1, 2, 3});
    recorder.add_samples(12);
    recorder.add_bytes_sent(1, 5000);
    recorder.finish();
    const Usage usage = recorder.usage();
    EXPECT_GT(usage.seconds[static_cast<size_t>(Phase::denoise)], 0);
    EXPECT_EQ(usage.seconds[static_cast<size_t>(Phase::decode)], 0);
    EXPECT_GT(usage.host_memory_bytes, 0);
  }
  const RankTrace trace = read_span_file(path);
  EXPECT_TRUE(trace.is_closed);
  EXPECT_EQ(trace.info.rank, 2);
  EXPECT_THAT(trace.clock, ElementsAre(ClockOffset{1, 2, 3}));
  EXPECT_EQ(trace.num_lost, 0U);
  int64_t next[kNumLanes] = {};
  for (const Span& span : trace.spans) {
    EXPECT_EQ(span.sample, next[static_cast<size_t>(span.lane)]++) << "in order, each once";
    EXPECT_EQ(span.phase, span.lane == Lane::journal ? Phase::journal : Phase::denoise);
    EXPECT_GE(span.start_ns, start_ns);
    EXPECT_GE(span.duration_ns, 0);
    EXPECT_LE(span.end_ns(), nanoseconds_now());
  }
  EXPECT_THAT(next, ElementsAre(1000, 1000, 0));
  std::map<std::pair<CounterKind, int>, double> counters;
  for (const CounterValue& value : trace.counters) counters[{value.kind, value.group}] = value.value;
  EXPECT_GT((counters[{CounterKind::host_memory, 0}]), 1e6);
  EXPECT_EQ((counters[{CounterKind::device_memory, 0}]), 77);
  EXPECT_EQ((counters[{CounterKind::samples, 0}]), 12);
  EXPECT_GT((counters[{CounterKind::samples_per_second, 0}]), 0);
  EXPECT_EQ((counters[{CounterKind::bytes_sent, 0}]), 0);
  EXPECT_EQ((counters[{CounterKind::bytes_sent, 1}]), 5000);
}

TEST(Recorder, WritesWhileItRuns) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.spans";
  Recorder recorder(path, info(), {}, {});
  { const auto scope = recorder.lane(Lane::generate).scope(Phase::load); }
  const int64_t give_up_ns = nanoseconds_now() + 10'000'000'000;
  while (read_span_file(path).spans.empty() && nanoseconds_now() < give_up_ns)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(read_span_file(path).spans.size(), 1U) << "as a crash would leave it";
}

TEST(Recorder, CountsWhatDoesNotFitAndNeverWaits) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.spans";
  constexpr int kMany = 100'000;
  {
    Recorder recorder(path, info(), {}, {});
    const LaneRecorder lane = recorder.lane(Lane::generate);
    for (int i = 0; i < kMany; ++i) lane.record({});
    recorder.finish();
  }
  const RankTrace trace = read_span_file(path);
  EXPECT_EQ(trace.spans.size() + trace.num_lost, static_cast<size_t>(kMany));
}

TEST(Recorder, ThatIsOffRecordsNothing) {
  Recorder recorder;
  EXPECT_FALSE(recorder.is_on());
  { const auto scope = recorder.lane(Lane::generate).scope(Phase::load); }
  recorder.finish();
}

TEST(Recorder, OnAFullDiskTellsOnceAndLetsTheJobGoOn) {
  std::vector<std::string> told;
  std::mutex mutex;
  const Log log([&](LogLevel, const std::string& message) {
    const std::lock_guard lock(mutex);
    told.push_back(message);
  });
  {
    Recorder recorder("/dev/full", info(), {}, log);
    for (int i = 0; i < 5; ++i) {
      { const auto scope = recorder.lane(Lane::generate).scope(Phase::load); }
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    recorder.finish();
  }
  EXPECT_THAT(told, ElementsAre(HasSubstr("the trace of rank 2 ends here, the job goes on: No space left")));
}

}  // namespace
}  // namespace ditmesh
