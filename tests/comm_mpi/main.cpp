// The main() of tests that run on several MPI ranks. Every rank runs every test.
// Rank 0 prints as usual, the others print only what fails, with the rank in front.
// A fatal failure (ASSERT_, an exception that nobody caught) on one rank ends the
// job at once, since the others may wait for that rank; EXPECT_ failures let it go
// on, and at the end every rank's exit code says that one failed.

#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdio>
#include <sstream>

#include "comm_mpi/session.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh::testing {

namespace {

MpiSession* the_session = nullptr;

class RankPrinter : public ::testing::EmptyTestEventListener {
 public:
  void OnTestStart(const ::testing::TestInfo& test) override {
    name_ = cat(test.test_suite_name(), '.', test.name());
  }

  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const std::string prefix = cat("[rank ", session().rank(), "] ");
    std::ostringstream text;
    text << prefix << name_ << " failed at " << (result.file_name() == nullptr ? "?" : result.file_name())
         << ':' << result.line_number() << '\n';
    for (const std::string& line : split(result.summary(), '\n')) text << prefix << line << '\n';
    // One write, so that the texts of ranks do not mix.
    std::fputs(text.str().c_str(), stderr);
    std::fflush(stderr);
    if (result.fatally_failed()) session().abort(1);
  }

 private:
  std::string name_ = "outside of a test";
};

}  // namespace

MpiSession& session() { return *the_session; }

}  // namespace ditmesh::testing

int main(int argc, char** argv) {
  ditmesh::MpiSession session(&argc, &argv, [](const auto& mpi, const std::exception& error) {
    std::fprintf(stderr, "[rank %d] %s\n", mpi.rank(), error.what());
    mpi.abort(1);
  });
  ditmesh::testing::the_session = &session;
  ::testing::InitGoogleTest(&argc, argv);
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  if (session.rank() != 0) delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new ditmesh::testing::RankPrinter);
  int failed = RUN_ALL_TESTS();
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return failed;
}
