#include "ditmesh/base/test_pause.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using std::chrono::milliseconds;

TEST(TestPauses, AreThoseOfTheNamedPlaces) {
  const TestPauses pauses("shard-write=250,journal-append=0");
  EXPECT_EQ(pauses.at("shard-write"), milliseconds(250));
  EXPECT_EQ(pauses.at("journal-append"), milliseconds(0));
  EXPECT_EQ(pauses.at("shard-rename"), milliseconds(0));
  EXPECT_EQ(TestPauses("").at("shard-write"), milliseconds(0));
}

TEST(TestPauses, RefuseAnotherForm) {
  for (const char* text : {"shard-write", "shard-write=", "shard-write=-1", "a=1,", "a=1=2"}) {
    EXPECT_THROW(TestPauses{text}, ConfigError) << text;
  }
}

}  // namespace
}  // namespace ditmesh
