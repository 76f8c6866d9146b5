#include "ditmesh/dataset/trace_store.hpp"

#include <gmock/gmock.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/dataset/trace_file.hpp"
#include "hdf5_api.hpp"
#include "helpers.hpp"
#include "trace/traces.hpp"

namespace ditmesh {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Hdf5Api;
using ::testing::IsEmpty;
using testing::RankTraceMaker;
using testing::TemporaryFolder;

RankTrace rank_trace(int32_t rank) {
  RankTrace trace = RankTraceMaker(rank, 4).add(Phase::load, 2).batch(4 * rank, 4, 3, 0.5).trace();
  trace.info.process = 100 + rank;
  trace.info.started = "2026-11-24T17:00:00Z";
  trace.info.origin_ns = 5000;
  trace.info.start_ns = 1000 + rank;
  for (Span& span : trace.spans) span.start_ns += trace.info.start_ns;
  trace.counters = {{9000, 1.5, CounterKind::host_memory, 0, {}}, {9000, 12, CounterKind::bytes_sent, 1, {}}};
  trace.clock = {{1000, 4000, 3}, {5'000'000'000, 4001, 6}};
  trace.is_closed = rank != 3;
  return trace;
}

std::filesystem::path write_spans(const std::filesystem::path& traces, const std::string& prefix,
                                  int32_t rank) {
  const RankTrace trace = rank_trace(rank);
  const auto path = span_file_path(traces, prefix, rank);
  SpanFileWriter writer(path, trace.info);
  EXPECT_TRUE(writer.append(trace.spans) && writer.append(trace.counters));
  for (const ClockOffset& offset : trace.clock) EXPECT_TRUE(writer.append(offset));
  if (trace.is_closed) {
    EXPECT_TRUE(writer.close());
  }
  return path;
}

TEST(TraceFile, HoldsWhatTheSpanFilesHeld) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.h5";
  write_trace_file(path,
                   {write_spans(folder.path(), "attempt-3", 0), write_spans(folder.path(), "attempt-3", 3)});
  const auto ranks = read_trace_file(path);
  ASSERT_EQ(ranks.size(), 2U);
  EXPECT_EQ(ranks[0], align(rank_trace(0)));
  EXPECT_EQ(ranks[1], align(rank_trace(3)));
}

TEST(TraceFile, IsReadByThePlainHdf5Api) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.h5";
  write_trace_file(path, {write_spans(folder.path(), "attempt-3", 1)});
  const Hdf5Api file(path);
  EXPECT_EQ(file.number_attribute("/", "format_version"), 1);
  EXPECT_EQ(file.attribute("/", "groups"), "[\"tensor\",\"ulysses\"]");
  EXPECT_EQ(file.attribute("/spans/start_ns", "units"), "ns of rank 0's clock since its program began");
  EXPECT_THAT(file.numbers<int32_t>("/spans/step", H5T_NATIVE_INT32), ElementsAre(-1, 0, 1, 2, -1));
  EXPECT_THAT(file.numbers<int64_t>("/spans/start_ns", H5T_NATIVE_INT64),
              ElementsAre(1, 2'000'000'001, 2'500'000'002, 3'000'000'002, 3'500'000'002))
      << "the clock drifts by a nanosecond";
  const hid_t dataset = file.open("/spans/phase");
  const hid_t type = H5Dget_type(dataset);
  EXPECT_EQ(H5Tget_class(type), H5T_ENUM);
  std::vector<uint8_t> phases(5);
  H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, phases.data());
  char name[32] = {};
  H5Tenum_nameof(type, &phases[1], name, sizeof name);
  EXPECT_STREQ(name, "denoise");
  H5Tclose(type);
  H5Dclose(dataset);
}

TEST(TraceStore, FindsAttemptsByTheirNames) {
  const TemporaryFolder folder;
  const auto traces = folder.path() / "traces";
  EXPECT_THAT(traced_attempts(folder.path()), IsEmpty());
  const Part part{2, 8};
  EXPECT_EQ(trace_prefix(part, 3), "part-2-of-8.attempt-3");
  write_spans(traces, trace_prefix({}, 10), 0);
  write_spans(traces, trace_prefix({}, 9), 1);
  write_spans(traces, trace_prefix({}, 9), 0);
  write_spans(traces, trace_prefix(part, 1), 0);
  folder.write("traces/attempt-9.node7.h5", "");
  for (const char* other : {"notes.txt", "attempt-x.rank-1.spans", "part-2-of.attempt-1.rank-0.spans"})
    folder.write(std::string("traces/") + other, "");
  const auto attempts = traced_attempts(folder.path());
  ASSERT_EQ(attempts.size(), 3U);
  EXPECT_EQ(attempts[0].attempt, 9);
  EXPECT_EQ(attempts[0].span_files.size(), 2U);
  EXPECT_EQ(attempts[0].hdf5_files.size(), 1U);
  EXPECT_EQ(attempts[1].attempt, 10);
  EXPECT_EQ(attempts[2].part, part);
}

TEST(TraceStore, ConvertsPerHostAndReadsTheSameBeforeAndAfter) {
  const TemporaryFolder folder;
  const auto traces = folder.path() / "traces";
  for (int32_t rank = 0; rank < 4; ++rank) write_spans(traces, "attempt-3", rank);
  folder.write("traces/attempt-3.rank-9.spans", "cut");
  std::vector<std::string> told;
  const Log log([&](LogLevel, const std::string& message) { told.push_back(message); });
  const AttemptTrace before = read_attempt(traced_attempts(folder.path()).at(0), log);
  EXPECT_THAT(told, ElementsAre(HasSubstr("is no trace of this version")));
  EXPECT_EQ(before.clock_error_ns, 6);
  convert_span_files(traced_attempts(folder.path()).at(0), log);
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(traces))
    names.push_back(file.path().filename());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("attempt-3.node0.h5", "attempt-3.node1.h5",
                                                     "attempt-3.rank-9.spans"));
  // As a crash in between leaves it.
  write_spans(traces, "attempt-3", 2);
  const AttemptTrace after = read_attempt(traced_attempts(folder.path()).at(0), log);
  EXPECT_EQ(after.ranks, before.ranks);
  convert_span_files(traced_attempts(folder.path()).at(0), log);
  EXPECT_FALSE(std::filesystem::exists(traces / "attempt-3.rank-2.spans"));
}

TEST(TraceStore, RefusesAnAttemptOfWhichNothingCanBeRead) {
  const TemporaryFolder folder;
  folder.write("traces/attempt-3.node0.h5", "no HDF5");
  std::string told;
  const Log log([&](LogLevel, const std::string& message) { told = message; });
  EXPECT_EQ(error_of<ConfigError>([&] { read_attempt(traced_attempts(folder.path()).at(0), log); }),
            "no trace of attempt 3 can be read: give another --attempt");
  EXPECT_THAT(told, HasSubstr("attempt-3.node0.h5"));
}

}  // namespace
}  // namespace ditmesh
