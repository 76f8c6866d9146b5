#include "ditmesh/topology/hostlist.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct List {
  const char* text;
  const char* names;  // with blanks between them
};

std::ostream& operator<<(std::ostream& out, const List& list) { return out << list.text; }

class Hostlists : public ::testing::TestWithParam<List> {};

TEST_P(Hostlists, Expand) {
  const auto names = expand_hostlist(GetParam().text, "SLURM_JOB_NODELIST");
  EXPECT_EQ(join(names, " "), GetParam().names);
  EXPECT_EQ(expand_hostlist(compress_hostlist(names), "compressed"), names);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Hostlists,
    ::testing::Values(List{"", ""}, List{"login", "login"}, List{"gpu[1-3]", "gpu1 gpu2 gpu3"},
                      List{"gpu[08-11]", "gpu08 gpu09 gpu10 gpu11"},
                      List{"gpu[9,1,1-2]", "gpu9 gpu1 gpu1 gpu2"}, List{"a, b[5-6] ,c,", "a b5 b6 c"},
                      List{"b[7-8,10]x", "b7x b8x b10x"}, List{"r[0-1]s[2-3]", "r0s2 r0s3 r1s2 r1s3"},
                      List{"x[0,1]_y[2-3]_z[4,5]",
                           "x0_y2_z4 x0_y2_z5 x1_y2_z4 x1_y2_z5 x0_y3_z4 x0_y3_z5 x1_y3_z4 x1_y3_z5"},
                      List{"10.0.0.[9-11]", "10.0.0.9 10.0.0.10 10.0.0.11"},
                      List{"n[1-2],m,n[1-2]", "n1 n2 m n1 n2"}, List{"[0-2]", "0 1 2"},
                      List{"0x15ffab,0x15ffac", "0x15ffab 0x15ffac"}, List{"p[099-101]", "p099 p100 p101"}));

TEST(Hostlist, IsCompressed) {
  const auto compressed = [](std::string_view text) {
    return compress_hostlist(expand_hostlist(text, "list"));
  };
  EXPECT_EQ(compressed("n1,n2,n3,n5"), "n[1-3,5]");
  EXPECT_EQ(compressed("n08,n09,n10"), "n[08-10]");
  EXPECT_EQ(compressed("n9,n10,n010"), "n[9-10,010]");
  EXPECT_EQ(compressed("a1-ib,a2-ib,b"), "a[1-2]-ib,b");
  EXPECT_EQ(compressed("peta[10000-10399]"), "peta[10000-10399]");
  EXPECT_EQ(compress_hostlist({}), "");
}

class WrongHostlists : public ::testing::TestWithParam<List> {};

TEST_P(WrongHostlists, AreRefused) {
  EXPECT_THAT([] { expand_hostlist(GetParam().text, "SLURM_JOB_NODELIST"); },
              ThrowsMessage<ConfigError>(HasSubstr(GetParam().names)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongHostlists,
    ::testing::Values(
        List{"n[1-2", "SLURM_JOB_NODELIST 'n[1-2' has a bracket that is not closed: host lists look like"},
        List{"n[[1]", "has a bracket that is not closed"}, List{"n]", "closes a bracket that is not open"},
        List{"a]b[1]", "closes a bracket that is not open"},
        List{"n[]", "has '' in a bracket, where decimal numbers"}, List{"n[a-b]", "has 'a' in a bracket"},
        List{"n[1-]", "has '' in a bracket"}, List{"n[3-1]", "has the falling range 3-1"},
        List{"n[000x133]", "has '000x133' in a bracket"}, List{"n[1-2-3]", "has '2-3' in a bracket"},
        List{"n[0-1048576]", "stands for more than 1048576 names"},
        List{"n[0-999999999999999999]", "stands for more than 1048576 names"},
        List{"a[0-1023]b[0-1023]c[0-1]", "stands for more than 1048576 names"},
        List{"a[0-1048575],b", "stands for more than 1048576 names"},
        List{"n[99999999999999999999]", "has '99999999999999999999' in a bracket"}));

}  // namespace
}  // namespace ditmesh
