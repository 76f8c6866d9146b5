#include "ditmesh/job/activity.hpp"

#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

TEST(Activity, SaysWhatIsDoneNow) {
  Activity activity;
  EXPECT_EQ(activity.now().doing, "starting");
  activity.set("denoising step");
  activity.set_step(3, 28);
  EXPECT_EQ(activity.now().doing, "denoising step 3 of 28");
  activity.set("hashing picture");
  activity.set_step(17, 0);
  EXPECT_EQ(activity.now().doing, "hashing picture 17");
  activity.set_coordinate("data=2");
  EXPECT_EQ(activity.now().coordinate, "data=2");
}

TEST(Activity, CountsChangesAndCollectives) {
  Activity activity;
  const uint64_t before = activity.now().num_changes;
  {
    const Activity::Waiting waiting(activity);
    EXPECT_TRUE(activity.now().is_waiting);
    EXPECT_EQ(activity.now().num_collectives, 1U);
    EXPECT_EQ(activity.now().doing, "starting, waits for all ranks in collective 1");
  }
  EXPECT_FALSE(activity.now().is_waiting);
  EXPECT_EQ(activity.now().doing, "starting");
  EXPECT_EQ(activity.now().num_changes, before + 2);
}

TEST(Heartbeat, TravelsAsBytes) {
  for (const Heartbeat& heartbeat : {Heartbeat{}, Heartbeat{"data=3", "reading the weights", 12, 3, true},
                                     Heartbeat{"", "a\nb c", 1, 0, false}}) {
    EXPECT_EQ(unpack_heartbeat(pack(heartbeat)), heartbeat);
  }
  for (const char* bytes : {"", "leave", "1 2\nx", "a 2 0 \nx"}) {
    EXPECT_THROW(unpack_heartbeat(bytes), InternalError) << bytes;
  }
}

}  // namespace
}  // namespace ditmesh
