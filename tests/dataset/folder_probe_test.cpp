#include "ditmesh/dataset/folder_probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace ditmesh {
namespace {

using testing::TemporaryFolder;

TEST(FolderProbe, OfALocalFolderFindsNothingWrong) {
  const TemporaryFolder folder;
  const FolderProbe probe = probe_folder(folder.path());
  EXPECT_EQ(probe.folder, folder.path());
  EXPECT_NE(probe.file_system, "");
  EXPECT_GT(probe.free_bytes, 0U);
  EXPECT_EQ(probe.write_error, "");
  EXPECT_GT(probe.sync_ms, 0);
  EXPECT_EQ(probe.rename_error, "");
  EXPECT_TRUE(probe.has_locks);
  EXPECT_EQ(probe.hdf5_error, "");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "it leaves nothing";
}

TEST(FolderProbe, OfAFolderThatIsNotThereIsThatOfTheOneAbove) {
  const TemporaryFolder folder;
  EXPECT_EQ(probe_folder(folder.path() / "not" / "yet").folder, folder.path());
}

TEST(FolderProbe, SaysWhyNothingCanBeWritten) {
  // /proc takes no files, from nobody.
  const FolderProbe probe = probe_folder("/proc");
  EXPECT_THAT(probe.write_error, ::testing::HasSubstr("/proc"));
  EXPECT_FALSE(probe.has_locks);
}

TEST(FolderProbe, KnowsATmpfs) {
  if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "/dev/shm is not here";
  const FolderProbe probe = probe_folder("/dev/shm");
  EXPECT_EQ(probe.file_system, "tmpfs");
  EXPECT_TRUE(probe.is_in_memory);
}

TEST(Hdf5Library, HasAVersionAndDeflate) {
  EXPECT_THAT(hdf5_version(), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_TRUE(hdf5_has_deflate());
}

}  // namespace
}  // namespace ditmesh
