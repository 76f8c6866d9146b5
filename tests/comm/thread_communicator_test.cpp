// What is special about threads as ranks: failures release everybody at once,
// and a rank that never comes ends the wait.

#include "ditmesh/comm/thread_communicator.hpp"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::StrEq;
using ::testing::ThrowsMessage;

using Verb = void (*)(Communicator&);

struct NamedVerb {
  const char* name;
  Verb call;
  int number = 2;  // as the second call on its group; splits are not counted
};

std::ostream& operator<<(std::ostream& out, const NamedVerb& verb) { return out << verb.name; }

// Every way to wait for rank 1.
const NamedVerb kVerbs[] = {
    {"all_gather",
     [](Communicator& comm) {
       comm.all_gather(at::zeros({comm.size()}), at::zeros({1}), RowCounts(comm.size(), 1)).wait();
     }},
    {"all_to_all",
     [](Communicator& comm) {
       const RowCounts one(comm.size(), 1);
       comm.all_to_all(at::zeros({comm.size()}), one, at::zeros({comm.size()}), one).wait();
     }},
    {"broadcast", [](Communicator& comm) { comm.broadcast(at::zeros({1}), 1).wait(); }},
    {"exchange",
     [](Communicator& comm) {
       comm.exchange({{1, Message::Direction::receive, at::zeros({1})}}).wait();
     }},
    {"agree", [](Communicator& comm) { comm.agree(0); }},
    {"split", [](Communicator& comm) { comm.split(0, 0, "part"); }, 1},
};

class Waits : public ::testing::TestWithParam<NamedVerb> {};

TEST_P(Waits, EndWhenAnotherRankFails) {
  std::mutex mutex;
  std::vector<std::string> errors;
  const auto begin = steady_clock::now();
  EXPECT_THAT(
      [&] {
        run_thread_ranks(3, [&](Communicator& comm) {
          if (comm.rank() == 1) throw ConfigError("rank 1 has no weights");
          try {
            GetParam().call(comm);
          } catch (const CommError& error) {
            const std::lock_guard lock(mutex);
            errors.emplace_back(error.what());
            throw;
          }
        });
      },
      ThrowsMessage<ConfigError>(StrEq("rank 1 has no weights")));
  EXPECT_LT(steady_clock::now() - begin, milliseconds(5000)) << "the deadline is a minute";
  EXPECT_EQ(errors.size(), 2U);
  EXPECT_THAT(errors, Each(HasSubstr("another rank failed")));
}

TEST_P(Waits, EndAtTheDeadline) {
  std::atomic<bool> over{false};
  const auto begin = steady_clock::now();
  EXPECT_THAT(
      [&] {
        run_thread_ranks(
            2,
            [&](Communicator& comm) {
              comm.agree(0);  // number 1
              if (comm.rank() == 1) {
                while (!over) std::this_thread::sleep_for(milliseconds(1));
                return;
              }
              try {
                GetParam().call(comm);
              } catch (...) {
                over = true;
                throw;
              }
            },
            milliseconds(100));
      },
      ThrowsMessage<CommError>(StrEq(cat(GetParam().name, " number ", GetParam().number,
                                         " of group 'threads', rank 0 of 2: no answer "
                                         "within 100 ms"))));
  EXPECT_GE(steady_clock::now() - begin, milliseconds(100));
}

INSTANTIATE_TEST_SUITE_P(Verbs, Waits, ::testing::ValuesIn(kVerbs),
                         [](const auto& verb) { return std::string(verb.param.name); });

TEST(ThreadRanks, FailuresReachOtherGroups) {
  // Rank 2 fails in a group of its own, the others wait in theirs.
  EXPECT_THAT(
      [] {
        run_thread_ranks(3, [](Communicator& comm) {
          const auto group = comm.split(comm.rank() == 2 ? 1 : 0, 0, "part");
          if (comm.rank() == 2) throw EnvironmentError("out of memory");
          if (comm.rank() == 0) group->agree(0);  // rank 1 does not come
          comm.agree(0);
        });
      },
      ThrowsMessage<EnvironmentError>(StrEq("out of memory")));
}

TEST(ThreadRanks, TheFirstErrorIsThrownAgain) {
  EXPECT_THAT(
      [] {
        run_thread_ranks(4, [](Communicator& comm) {
          if (comm.rank() == 3) throw ConfigError("first");
          try {
            comm.agree(0);
          } catch (const CommError&) {
            throw ConfigError("second");
          }
        });
      },
      ThrowsMessage<ConfigError>(StrEq("first")));
}

TEST(ThreadRanks, TheNumberCountsTheVerbsOfAGroup) {
  run_thread_ranks(2, [](Communicator& comm) {
    const auto group = comm.split(0, 0, "part");
    for (int i = 0; i < 3; ++i) group->agree(0);
    EXPECT_THAT([&] { group->broadcast(at::zeros({1}), 2); },
                ThrowsMessage<InternalError>(HasSubstr(
                    cat("broadcast number 4 of group 'part', rank ", comm.rank(), " of 2 needs a root"))));
    EXPECT_THAT(
        [&] {
          comm.exchange({{2, Message::Direction::send, at::zeros({1})}});
        },
        ThrowsMessage<InternalError>(HasSubstr("exchange number 1 of group 'threads'")));
  });
}

}  // namespace
}  // namespace ditmesh
