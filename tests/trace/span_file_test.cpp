#include "ditmesh/trace/span_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "temporary_folder.hpp"
#include "traces.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RankTraceMaker;
using testing::TemporaryFolder;

TEST(Names, AreFoundAgain) {
  for (size_t i = 0; i < kNumPhases; ++i) {
    EXPECT_EQ(phase_of(name_of(static_cast<Phase>(i))), static_cast<Phase>(i));
  }
  for (size_t i = 0; i < kNumLanes; ++i)
    EXPECT_EQ(lane_of(name_of(static_cast<Lane>(i))), static_cast<Lane>(i));
  for (size_t i = 0; i < kNumCounterKinds; ++i) {
    EXPECT_EQ(counter_kind_of(name_of(static_cast<CounterKind>(i))), static_cast<CounterKind>(i));
    EXPECT_FALSE(unit_of(static_cast<CounterKind>(i)).empty());
  }
  EXPECT_EQ(phase_of("denoising"), std::nullopt);
}

RankTrace example() {
  RankTrace trace = RankTraceMaker(17, 32).add(Phase::load, 2).batch(40, 4, 3, 0.5).trace();
  trace.info.process = 4711;
  trace.info.started = "2026-11-24T17:00:00Z";
  trace.info.start_ns = 123456789012345;
  trace.info.origin_ns = 123456789000000;
  trace.counters = {{5, 1.5e9, CounterKind::host_memory, 0, {}}, {6, 12, CounterKind::bytes_sent, 1, {}}};
  trace.clock = {{1, 2, 3}, {4, 5, 6}};
  trace.num_lost = 9;
  return trace;
}

void write(const std::filesystem::path& path, const RankTrace& trace) {
  SpanFileWriter writer(path, trace.info);
  const std::span<const Span> spans(trace.spans);
  EXPECT_TRUE(writer.append(spans.subspan(0, 2)));
  EXPECT_TRUE(writer.append(trace.clock[0]));
  EXPECT_TRUE(writer.append(spans.subspan(2)));
  EXPECT_TRUE(writer.append(trace.counters));
  EXPECT_TRUE(writer.append_num_lost(trace.num_lost));
  EXPECT_TRUE(writer.append(trace.clock[1]));
  if (trace.is_closed) {
    EXPECT_TRUE(writer.close());
  }
}

TEST(SpanFile, IsReadBack) {
  const TemporaryFolder folder;
  const auto path = span_file_path(folder.path() / "traces", "attempt-3", 17);
  EXPECT_EQ(path.filename(), "attempt-3.rank-17.spans");
  RankTrace trace = example();
  for (const bool is_closed : {false, true}) {
    trace.is_closed = is_closed;
    write(path, trace);
    EXPECT_EQ(read_span_file(path), trace);
  }
}

TEST(SpanFile, CutAnywhereGivesWhatIsWhole) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.spans";
  RankTrace trace = example();
  trace.is_closed = true;
  write(path, trace);
  const std::string whole = read_file(path);
  size_t most_spans = 0;
  int num_refused = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    folder.write("a.spans", whole.substr(0, size));
    try {
      const RankTrace read = read_span_file(path);
      EXPECT_EQ(read.info, trace.info);
      EXPECT_FALSE(read.is_closed);
      ASSERT_GE(read.spans.size(), most_spans);
      most_spans = read.spans.size();
      EXPECT_TRUE(std::equal(read.spans.begin(), read.spans.end(), trace.spans.begin()));
    } catch (const ConfigError& error) {
      EXPECT_EQ(most_spans, 0U);
      ++num_refused;
    }
  }
  EXPECT_EQ(most_spans, trace.spans.size());
  EXPECT_LT(num_refused, 400) << "only within the head";
}

TEST(SpanFile, SaysWhatIsTornAndWhatIsNone) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.spans";
  write(path, example());
  std::string bytes = read_file(path);
  EXPECT_THAT(read_span_file(path).damage, IsEmpty()) << "a program that crashed between two blocks";
  write_file_atomically(path, bytes + "torn");
  EXPECT_THAT(read_span_file(path).damage, HasSubstr("ends in a torn block of 4 bytes"));
  write_file_atomically(path, "something else");
  const auto read = [&] { read_span_file(path); };
  EXPECT_THAT([&] { read(); },
              ::testing::ThrowsMessage<ConfigError>(HasSubstr("is no trace of this version")));
}

}  // namespace
}  // namespace ditmesh
