#pragma once
// Damage done to a dataset by plain HDF5 C calls.

#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace ditmesh::testing {

/// An HDF5 file opened for writing.
class DamagedFile {
 public:
  explicit DamagedFile(const std::filesystem::path& path)
      : file_(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)) {
    EXPECT_GE(file_, 0) << path;
  }
  ~DamagedFile() { H5Fclose(file_); }
  DamagedFile(const DamagedFile&) = delete;
  DamagedFile& operator=(const DamagedFile&) = delete;

  /// Applies `change` to element `at` of a dataset, counted over all dimensions.
  template <typename T, typename Change>
  void change(const char* name, size_t at, hid_t type, Change change) const {
    const hid_t dataset = H5Dopen2(file_, name, H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    std::vector<T> values(static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
    EXPECT_GE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << name;
    change(values.at(at));
    EXPECT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << name;
    H5Sclose(space);
    H5Dclose(dataset);
  }

  void flip_pixel(const char* name, size_t at) const {
    change<uint8_t>(name, at, H5T_NATIVE_UINT8, [](uint8_t& value) { value ^= 1U; });
  }
  void set_number(const char* name, size_t at, int64_t number) const {
    change<int64_t>(name, at, H5T_NATIVE_INT64, [number](int64_t& value) { value = number; });
  }
  void remove(const char* name) const { EXPECT_GE(H5Ldelete(file_, name, H5P_DEFAULT), 0) << name; }

 private:
  hid_t file_;
};

}  // namespace ditmesh::testing
