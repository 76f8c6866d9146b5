#include "ditmesh/job/message.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

TEST(ControlMessage, PackAndUnpackGiveTheSame) {
  const ControlMessage messages[] = {
      {MessageKind::ready, {}, {}},
      {MessageKind::close_journal, {}, "1024x1024-000003"},
      {MessageKind::shard_written, {std::numeric_limits<int64_t>::min(), -1, 7}, ""},
      {MessageKind::left, {0}, std::string("a\0b", 3)}};
  for (const ControlMessage& message : messages) EXPECT_EQ(unpack_message(pack(message)), message);
}

TEST(ControlMessage, CutAndForeignBytesAreRefused) {
  const std::string bytes = pack({MessageKind::shard_written, {1, 2}, {}});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(unpack_message(bytes.substr(0, size)), InternalError) << size;
  }
  EXPECT_THROW(unpack_message(pack({static_cast<MessageKind>(99), {}, {}})), InternalError);
}

TEST(ControlMessage, OrdersAndResultsSurviveTheWay) {
  const WorkOrder order{12, "1024x768-000003", true, {4, 5, 9}, {104, 105, 109}, {110, 111}};
  EXPECT_EQ(to_work_order(unpack_message(pack(to_message(order)))), order);
  const ShardOrder shard{3, "1024x768-000003", 3000, {1, 5, 6}};
  EXPECT_EQ(to_shard_order(unpack_message(pack(to_message(shard)))), shard);
  using enum WorkResult::Outcome;
  const WorkResult result{12, {done, failed_once, failed}, 1.25};
  EXPECT_EQ(to_work_result(unpack_message(pack(to_message(result)))), result);
  Usage usage;
  usage.seconds[3] = 0.1;
  usage.host_memory_bytes = 1e9;
  usage.device_memory_bytes = 8e10;
  usage.num_samples = 7;
  EXPECT_EQ(to_usage(unpack_message(pack(to_message(usage)))), usage);
  EXPECT_THROW(to_work_order({MessageKind::assign, {1, 0, 5, 1}, {}}), InternalError);
}

}  // namespace
}  // namespace ditmesh
