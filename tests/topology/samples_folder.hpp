#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace ditmesh::testing {

/// Tests on what real machines printed. The files are other people's, so they are not in the repository:
/// DITMESH_TEST_SAMPLES names the folder whose topology/index.json says what each of them holds.
class SamplesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("DITMESH_TEST_SAMPLES");
    if (folder == nullptr || *folder == '\0') {
      GTEST_SKIP() << "DITMESH_TEST_SAMPLES names no folder: the readers were NOT tried on real samples";
    }
    folder_ = std::filesystem::path(folder) / "topology";
  }

  std::filesystem::path folder_;
};

}  // namespace ditmesh::testing
