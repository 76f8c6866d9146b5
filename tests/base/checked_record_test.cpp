#include "ditmesh/base/checked_record.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace ditmesh {
namespace {

std::optional<std::string> read(const std::string& bytes) {
  std::istringstream in(bytes);
  return read_checked_record(in, bytes.size());
}

TEST(CheckedRecords, AreReadBackUnlessTheyAreCutOrChanged) {
  for (const std::string payload : {"", "x", "a longer one\0with a zero"}) {
    std::string bytes;
    append_checked_record(bytes, payload);
    ASSERT_EQ(bytes.size(), payload.size() + kCheckedRecordBytes);
    EXPECT_EQ(read(bytes), payload);
    EXPECT_EQ(read(bytes + "more"), payload);
    for (size_t size = 0; size < bytes.size(); ++size) EXPECT_EQ(read(bytes.substr(0, size)), std::nullopt);
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      EXPECT_EQ(read(changed), std::nullopt) << i;
    }
  }
}

TEST(CheckedRecords, TakeNoMemoryForASizeThatIsDamage) {
  EXPECT_EQ(read(std::string(16, '\xff')), std::nullopt);
}

}  // namespace
}  // namespace ditmesh
