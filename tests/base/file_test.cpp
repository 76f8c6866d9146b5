#include "ditmesh/base/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "ditmesh/base/error.hpp"

namespace ditmesh {
namespace {

using ::testing::HasSubstr;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "ditmesh_test_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  template <typename E, typename Call>
  static std::string error_of(Call call) {
    try {
      call();
    } catch (const E& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder_;
};

TEST_F(Files, AreWrittenWholeAndReadBack) {
  const auto path = folder_ / "a";
  for (const std::string content : {"first, and longer", "", "second"}) {
    write_file_atomically(path, content);
    EXPECT_EQ(read_file(path), content);
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.tmp"));
}

TEST_F(Files, NameThePathInErrors) {
  EXPECT_THAT(error_of<ConfigError>([&] { read_file(folder_ / "none"); }), HasSubstr("none\": No such file"));
  EXPECT_THAT(error_of<ConfigError>([&] { read_file(folder_); }),
              HasSubstr("is a folder: a file is needed here"));
  EXPECT_THAT(error_of<EnvironmentError>([&] { write_file_atomically(folder_ / "no/a", "x"); }),
              HasSubstr("cannot create"));
  EXPECT_THAT(error_of<EnvironmentError>([&] { rename_durably(folder_ / "none", folder_ / "b"); }),
              HasSubstr("cannot sync"));
  write_file_atomically(folder_ / "file", "x");
  EXPECT_THAT(error_of<EnvironmentError>([&] { create_folders(folder_ / "file/below"); }),
              HasSubstr("cannot create the folder"));
}

TEST_F(Files, FoldersMayBeThereAlready) {
  create_folders(folder_ / "x/y");
  create_folders(folder_ / "x/y");
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "x/y"));
}

TEST_F(Files, AreInsideOfFolders) {
  const std::filesystem::path folder = folder_ / "data";
  std::filesystem::create_directories(folder / "shards");
  std::filesystem::create_directory_symlink(folder, folder_ / "link");
  for (const char* path : {"data", "data/", "data/x", "data/shards/x", "data/./x", "link/x", "data/no/../x"})
    EXPECT_TRUE(is_inside(folder_ / path, folder)) << path;
  for (const char* path : {".", "data2", "x", "data/../x", "link/../x"})
    EXPECT_FALSE(is_inside(folder_ / path, folder)) << path;
}

TEST_F(Files, AreMapped) {
  const std::string content(3 * 4096 + 5, 'm');
  write_file_atomically(folder_ / "a", content);
  MappedFile first(folder_ / "a");
  const MappedFile file(std::move(first));
  ASSERT_EQ(file.size_bytes(), content.size());
  file.forget(file.data() + 1, content.size() - 1);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file.data()), file.size_bytes()), content)
      << "forgotten pages come back from the file";
}

TEST_F(Files, AreNotMappedIfEmptyOrMissing) {
  write_file_atomically(folder_ / "empty", "");
  EXPECT_THAT(error_of<ConfigError>([&] { MappedFile{folder_ / "empty"}; }),
              HasSubstr("is empty: fetch it again"));
  EXPECT_THAT(error_of<ConfigError>([&] { MappedFile{folder_ / "none"}; }), HasSubstr("No such file"));
  EXPECT_THAT(error_of<ConfigError>([&] { MappedFile{folder_}; }), HasSubstr("not a file"));
}

}  // namespace
}  // namespace ditmesh
