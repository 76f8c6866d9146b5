#include "ditmesh/dataset/tar_writer.hpp"

#include "ditmesh/base/file.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using testing::error_of;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::string header_of(const std::string& tar, size_t at) { return tar.substr(at, 512); }

void expect_checksum(const std::string& header) {
  unsigned sum = 0;
  for (size_t i = 0; i < header.size(); ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  EXPECT_EQ(std::stoul(header.substr(148, 6), nullptr, 8), sum);
}

TEST(TarWriter, WritesUstar) {
  const TemporaryFolder folder;
  TarWriter tar(folder.path() / "a.tar");
  tar.add("cat.txt", "a cat");
  tar.add("empty", "");
  tar.add("block", std::string(512, 'x'));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a.tar"));
  tar.finish();
  const std::string bytes = read_file(folder.path() / "a.tar");
  EXPECT_EQ(bytes.size(), 10240U);
  const std::string header = header_of(bytes, 0);
  EXPECT_EQ(header.substr(0, 8), std::string("cat.txt\0", 8));
  EXPECT_EQ(header.substr(100, 36), std::string("0000644\0"
                                                "0000000\0"
                                                "0000000\0"
                                                "00000000005\0",
                                                36));
  EXPECT_EQ(header.substr(136, 12), std::string("00000000000\0", 12));
  EXPECT_EQ(header.substr(156, 1), "0");
  EXPECT_EQ(header.substr(257, 8), std::string("ustar\0"
                                               "00",
                                               8));
  for (const size_t at : {0U, 1024U, 1536U}) expect_checksum(header_of(bytes, at));
  EXPECT_EQ(bytes.substr(512, 6), std::string("a cat\0", 6));
  EXPECT_EQ(header_of(bytes, 1024).substr(0, 6), std::string("empty\0", 6));
  EXPECT_EQ(header_of(bytes, 1536).substr(0, 6), std::string("block\0", 6));
  EXPECT_EQ(bytes.substr(2048, 512), std::string(512, 'x'));
  EXPECT_EQ(bytes.find_first_not_of('\0', 2560), std::string::npos)
      << "two blocks of zeros and a whole record";
}

TEST(TarWriter, PutsLongNamesIntoPaxHeaders) {
  const TemporaryFolder folder;
  const std::string name = std::string(100, 'n');
  {
    TarWriter tar(folder.path() / "a.tar");
    tar.add(name, "fits");
    tar.add(cat(name, "x"), "is longer");
    tar.finish();
  }
  const std::string bytes = read_file(folder.path() / "a.tar");
  EXPECT_EQ(header_of(bytes, 0).substr(0, 100), name);
  EXPECT_EQ(header_of(bytes, 1024)[156], 'x');
  EXPECT_EQ(bytes.substr(1536, 111), cat("111 path=", name, "x\n"));
  EXPECT_EQ(header_of(bytes, 2048)[156], '0');
  for (const size_t at : {0U, 1024U, 2048U}) expect_checksum(header_of(bytes, at));
}

// 98 bytes of record with a length of two digits; one more makes the length a digit longer.
TEST(TarWriter, CountsTheDigitsOfALength) {
  const TemporaryFolder folder;
  for (const size_t size : {101U, 984U, 985U, 986U, 987U, 988U, 989U, 990U, 991U}) {
    TarWriter tar(folder.path() / "a.tar");
    tar.add(std::string(size, 'n'), "");
    tar.finish();
    const std::string bytes = read_file(folder.path() / "a.tar");
    const size_t length = std::stoul(bytes.substr(512, 8));
    EXPECT_EQ(bytes.substr(512, length), cat(length, " path=", std::string(size, 'n'), "\n"));
    EXPECT_EQ(std::stoul(header_of(bytes, 0).substr(124, 11), nullptr, 8), length);
  }
}

TEST(TarWriter, LeavesNothingHalfDone) {
  const TemporaryFolder folder;
  TarWriter(folder.path() / "a.tar").add("a", "b");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THAT(error_of<EnvironmentError>([&] { TarWriter(folder.path() / "none/a.tar"); }),
              HasSubstr("No such file or directory"));
  const FileSizeLimit limit(100'000);
  EXPECT_THAT(error_of<EnvironmentError>([&] {
                TarWriter tar(folder.path() / "a.tar");
                for (int i = 0; i < 100; ++i) tar.add("a", std::string(10'000, 'x'));
                tar.finish();
              }),
              HasSubstr("cannot write"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace ditmesh
