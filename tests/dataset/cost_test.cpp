#include "ditmesh/dataset/cost.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

AttemptTime attempt(int64_t number) {
  AttemptTime time;
  time.attempt = number;
  time.total_s = 100;
  const auto set = [&](Phase phase, double seconds) {
    time.phase_s.at(static_cast<size_t>(phase)) = seconds;
  };
  set(Phase::set_up, 3);
  set(Phase::load, 7);
  set(Phase::encode, 10);
  set(Phase::denoise, 40);
  set(Phase::decode, 10);
  set(Phase::queue, 5);
  set(Phase::end_wait, 8);
  set(Phase::hand_over, 1);
  set(Phase::flush, 2);
  set(Phase::index, 4);
  set(Phase::shard, 50);  // of another thread
  return time;
}

double of(const Cost& cost, Expense expense) { return cost.seconds.at(static_cast<size_t>(expense)); }

double sum(const Cost& cost) { return std::accumulate(cost.seconds.begin(), cost.seconds.end(), 0.0); }

TEST(Cost, PutsEverySecondOfAnAttemptSomewhere) {
  const Cost cost = account({attempt(1)}, {{1, SampleStatus::done, 60, ""}}, false);
  EXPECT_DOUBLE_EQ(cost.allocated_s, 100);
  EXPECT_DOUBLE_EQ(sum(cost), 100);
  EXPECT_DOUBLE_EQ(of(cost, Expense::denoising), 40);
  EXPECT_DOUBLE_EQ(of(cost, Expense::encoding), 10);
  EXPECT_DOUBLE_EQ(of(cost, Expense::decoding), 10);
  EXPECT_DOUBLE_EQ(of(cost, Expense::start_up), 10);
  EXPECT_DOUBLE_EQ(of(cost, Expense::writes), 7);
  EXPECT_DOUBLE_EQ(of(cost, Expense::idle), 23) << "13 of waiting, 10 in no span";
  EXPECT_DOUBLE_EQ(of(cost, Expense::failed), 0);
  EXPECT_DOUBLE_EQ(of(cost, Expense::made_again), 0);
}

TEST(Cost, TellsWhatFailedAndWhatWasLost) {
  struct Case {
    double done_s;
    double failed_s;
    double denoising_s;
    double failed_expense_s;
    double made_again_s;
  };
  const Case cases[] = {
      {60, 0, 40, 0, 0},     // all is in the records
      {30, 0, 20, 0, 30},    // a crash: half of the work is in no record
      {30, 15, 20, 15, 15},  // and some samples failed
      {0, 0, 0, 0, 60},      // nothing was saved
      {90, 30, 30, 15, 0},   // records that say more than was worked are scaled
  };
  for (const Case& one : cases) {
    const Cost cost = account(
        {attempt(1)}, {{1, SampleStatus::done, one.done_s, ""}, {1, SampleStatus::failed, one.failed_s, ""}},
        false);
    EXPECT_DOUBLE_EQ(of(cost, Expense::denoising), one.denoising_s);
    EXPECT_DOUBLE_EQ(of(cost, Expense::failed), one.failed_expense_s);
    EXPECT_DOUBLE_EQ(of(cost, Expense::made_again), one.made_again_s);
    EXPECT_DOUBLE_EQ(sum(cost), 100);
  }
}

TEST(Cost, KeepsAttemptsApartAndAddsThemUp) {
  const Cost cost = account(
      {attempt(1), attempt(2)},
      {{1, SampleStatus::done, 15, ""}, {2, SampleStatus::done, 60, ""}, {0, SampleStatus::missing, 0, ""}},
      false);
  EXPECT_DOUBLE_EQ(cost.allocated_s, 200);
  EXPECT_DOUBLE_EQ(sum(cost), 200);
  EXPECT_DOUBLE_EQ(of(cost, Expense::made_again), 45);
  EXPECT_EQ(cost.num_done, 2);
}

TEST(Cost, IsSplitByAColumnWithoutARest) {
  const Cost cost = account({attempt(1)},
                            {{1, SampleStatus::done, 10, "b"},
                             {1, SampleStatus::done, 30, "a"},
                             {1, SampleStatus::failed, 5, "a"},
                             {1, SampleStatus::done, 15, ""},
                             {0, SampleStatus::missing, 0, "never"}},
                            true);
  ASSERT_EQ(cost.groups.size(), 3U);
  EXPECT_EQ(cost.groups[0].value, "a");
  EXPECT_EQ(cost.groups[0].num_done, 1);
  EXPECT_DOUBLE_EQ(cost.groups[0].device_seconds, 35);
  double all_s = 0;
  for (const GroupCost& group : cost.groups) all_s += group.allocated_s;
  EXPECT_DOUBLE_EQ(all_s, 100);
}

TEST(Cost, IsReadByPeople) {
  Cost cost = account({attempt(1)}, {{1, SampleStatus::done, 60, "oil"}}, true);
  cost.unknown_attempts = {4};
  const std::string text = to_text(cost, 36);
  for (const char* part : {"0.0278 device-hours in 1 attempt", "denoising", "40.0 %", "0.40",
                           "1 picture: 100.000 device-seconds each", "at 36.00 a device-hour",
                           "attempt 4 left neither figures nor a trace", "oil"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_EQ(to_json(cost, 36).at("price"), 1.0);
  EXPECT_TRUE(to_json(cost, std::nullopt).at("price").is_null());
  EXPECT_EQ(to_json(cost, 36).at("device_seconds").at("idle"), 23);
}

// An hour of the attempt above, of which a quarter of the work failed and a quarter is in no record.
TEST(Cost, IsWhatTheMetricsPageShows) {
  AttemptTime hour;
  hour.attempt = 1;
  for (int i = 0; i < 36; ++i) hour.add(attempt(1).total_s, attempt(1).phase_s);
  const Cost cost =
      account({hour}, {{1, SampleStatus::done, 1080, ""}, {1, SampleStatus::failed, 540, ""}}, false);
  const std::string text = to_text(cost, 2);
  const std::string page = read_file(DITMESH_SOURCE_DIR "/src/trace/METRICS.md");
  EXPECT_NE(page.find("```\n" + text + "```\n"), std::string::npos) << text;
}

TEST(Cost, NeedsAJobFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of<ConfigError>([&] { cost_of(folder.path(), std::nullopt, {}); }),
              HasSubstr("has no job.json: nothing says what it cost"));
}

}  // namespace
}  // namespace ditmesh
