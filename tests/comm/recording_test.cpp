// What verbs leave in a trace.

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "ditmesh/comm/local_communicator.hpp"
#include "ditmesh/comm/thread_communicator.hpp"
#include "temporary_folder.hpp"

namespace ditmesh {
namespace {

using ::testing::IsEmpty;
using testing::TemporaryFolder;

struct VerbCase {
  const char* name;
  std::function<void(Communicator&)> call;
  int64_t bytes_sent[3];  // of three ranks
};

// Rows of 4 floats, 16 bytes.
at::Tensor rows(int64_t count) { return at::zeros({count, 4}); }

const VerbCase kCases[] = {
    {"all_reduce", [](Communicator& comm) { comm.all_reduce(rows(3)).wait(); }, {64, 64, 64}},
    {"all_gather",
     [](Communicator& comm) {
       comm.all_gather(rows(3), rows(comm.rank()), {0, 1, 2}).wait();
     },
     {0, 32, 64}},
    {"reduce_scatter",
     [](Communicator& comm) {
       comm.reduce_scatter(rows(comm.rank()), rows(3), {0, 1, 2}).wait();
     },
     {48, 32, 16}},
    {"all_to_all",
     [](Communicator& comm) {
       comm.all_to_all(rows(3), {1, 1, 1}, rows(3), {1, 1, 1}).wait();
     },
     {32, 32, 32}},
    {"broadcast", [](Communicator& comm) { comm.broadcast(rows(5), 1).wait(); }, {0, 160, 0}},
    {"exchange",
     [](Communicator& comm) {
       if (comm.rank() == 0) comm.exchange({{2, Message::Direction::send, rows(7)}}).wait();
       if (comm.rank() == 2) comm.exchange({{0, Message::Direction::receive, rows(7)}}).wait();
     },
     {112, 0, 0}},
    {"agree", [](Communicator& comm) { comm.agree(0); }, {0, 0, 0}},
};

TEST(Recording, HasEveryVerbsBytesAndTime) {
  for (const VerbCase& verb : kCases) {
    const TemporaryFolder folder;
    RankInfo info;
    info.groups = {"tensor", "ulysses"};
    run_thread_ranks(3, [&](Communicator& comm) {
      Recorder recorder(folder.path() / std::to_string(comm.rank()), info, {}, {});
      comm.record(recorder, 1);
      verb.call(comm);
      recorder.finish();
    });
    for (int rank = 0; rank < 3; ++rank) {
      const RankTrace trace = read_span_file(folder.path() / std::to_string(rank));
      int64_t bytes = 0;
      for (const Span& span : trace.spans) {
        EXPECT_EQ(span.phase, Phase::communicate);
        EXPECT_EQ(span.group, 1);
        bytes += span.bytes;
      }
      const bool takes_part = std::string(verb.name) != "exchange" || rank != 1;
      EXPECT_EQ(trace.spans.empty(), !takes_part) << verb.name;
      EXPECT_EQ(bytes, verb.bytes_sent[rank]) << verb.name << " rank " << rank;
      std::map<int, double> counted;
      for (const CounterValue& value : trace.counters) {
        if (value.kind == CounterKind::bytes_sent) counted[value.group] = value.value;
      }
      EXPECT_EQ(counted[0], 0);
      EXPECT_EQ(counted[1], static_cast<double>(verb.bytes_sent[rank])) << verb.name;
    }
  }
}

TEST(Recording, OfAGroupOfOneIsEmpty) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  Recorder recorder(path, {}, {}, {});
  LocalCommunicator alone;
  alone.record(recorder, 0);
  alone.agree(0);
  alone.all_gather(rows(2), rows(2), {2}).wait();
  recorder.finish();
  EXPECT_THAT(read_span_file(path).spans, IsEmpty());
}

}  // namespace
}  // namespace ditmesh
