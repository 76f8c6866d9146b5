#include "ditmesh/job/attendance.hpp"

#include <gtest/gtest.h>

namespace ditmesh {
namespace {

constexpr double kTimeout_s = 10;

JobClock::time_point at(double seconds) {
  return JobClock::time_point() +
         std::chrono::duration_cast<JobClock::duration>(std::chrono::duration<double>(seconds));
}

Heartbeat waiting(uint64_t collectives) { return {"", "reading the options", 7, collectives, true}; }
Heartbeat busy(uint64_t collectives, uint64_t changes) {
  return {"", "writing", changes, collectives, false};
}

TEST(Attendance, NamesTheRankThatWasSilentLongest) {
  Attendance attendance(3, at(0));
  for (double seconds = 0; seconds <= 30; ++seconds) {
    attendance.heard(0, busy(0, 1), at(seconds));
    if (seconds <= 4) attendance.heard(1, {"data=1", "denoising step 3 of 4", 5, 0, false}, at(seconds));
    if (seconds <= 6) attendance.heard(2, busy(0, 1), at(seconds));
    const auto lost = attendance.lost(at(seconds), kTimeout_s);
    if (seconds <= 14) {
      EXPECT_FALSE(lost) << seconds;
    } else {
      ASSERT_TRUE(lost) << seconds;
      EXPECT_EQ(lost->rank, 1);
      EXPECT_EQ(lost->last.coordinate, "data=1");
      EXPECT_EQ(lost->what(), "has said nothing for " + std::to_string(static_cast<int>(seconds) - 4) +
                                  " s (timeout 10 s); it was: denoising step 3 of 4");
    }
  }
}

TEST(Attendance, ARankThatNeverSpokeIsLostToo) {
  Attendance attendance(2, at(0));
  attendance.heard(0, busy(0, 1), at(10));
  EXPECT_FALSE(attendance.lost(at(10), kTimeout_s));
  EXPECT_EQ(attendance.lost(at(10.5), kTimeout_s)->rank, 1);
}

TEST(Attendance, ForgivesWhatItCouldNotHear) {
  Attendance attendance(2, at(0));
  attendance.forgive(at(1000));
  EXPECT_FALSE(attendance.lost(at(1009), kTimeout_s));
  EXPECT_TRUE(attendance.lost(at(1011), kTimeout_s));
}

TEST(Attendance, OneThatHoldsTheOthersUpIsNamedAndNotWhoWaits) {
  constexpr int kRanks = 4000;
  constexpr int kCulprit = 2718;
  Attendance attendance(kRanks, at(0));
  // Rank 1 works on too, and shows that it does.
  const auto everybody_talks = [&](double seconds) {
    for (int rank = 0; rank < kRanks; ++rank) {
      const bool moves_on = rank == 1;
      attendance.heard(rank,
                       rank == kCulprit ? busy(4, 9)
                       : moves_on       ? busy(4, static_cast<uint64_t>(seconds))
                                        : waiting(5),
                       at(seconds));
    }
  };
  const double limit_s = Attendance::kStuckTimeouts * kTimeout_s;
  for (double seconds = 1; seconds < limit_s; seconds += 9) {
    everybody_talks(seconds);
    EXPECT_FALSE(attendance.lost(at(seconds), kTimeout_s));
  }
  everybody_talks(limit_s + 2);
  const auto lost = attendance.lost(at(limit_s + 2), kTimeout_s);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->rank, kCulprit);
  EXPECT_FALSE(lost->is_silent);
  EXPECT_EQ(lost->what(),
            "holds all ranks up and has not moved on for 151 s (timeout 150 s); it is: writing");
}

TEST(Attendance, NobodyIsStuckForWhomNobodyWaits) {
  Attendance attendance(2, at(0));
  for (double seconds = 0; seconds < 10000; seconds += 5) {
    attendance.heard(0, busy(1, 1), at(seconds));
    attendance.heard(1, busy(2, 1), at(seconds));
    ASSERT_FALSE(attendance.lost(at(seconds), kTimeout_s));
  }
}

TEST(Attendance, LeavingIsUnanimousAndStillWatched) {
  Attendance attendance(2, at(0));
  attendance.leave(0);
  EXPECT_FALSE(attendance.everybody_leaves());
  attendance.leave(1);
  EXPECT_TRUE(attendance.everybody_leaves());
  attendance.gone(0);
  EXPECT_FALSE(attendance.everybody_is_gone());
  EXPECT_EQ(attendance.lost(at(11), kTimeout_s)->rank, 1) << "who is gone is not missed";
  attendance.gone(1);
  EXPECT_TRUE(attendance.everybody_is_gone());
  EXPECT_FALSE(attendance.lost(at(11), kTimeout_s));
}

TEST(Attendance, WhoWaitsForTheOthersToLeaveIsStillWatched) {
  Attendance attendance(2, at(0));
  attendance.leave(0);
  attendance.leave(1);
  EXPECT_TRUE(attendance.lost(at(11), kTimeout_s));
}

}  // namespace
}  // namespace ditmesh
