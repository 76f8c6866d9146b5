#pragma once
// Damage done to a dataset by plain HDF5 C calls.

#include <gtest/gtest.h>
#include <hdf5.h>

#include <array>
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
  void set_bytes(const char* name, size_t at, const std::string& bytes) const {
    const hid_t type = H5Tvlen_create(H5T_STD_U8LE);
    change<hvl_t>(name, at, type, [&](hvl_t& value) {
      value = {bytes.size(), const_cast<char*>(bytes.data())};  // the old ones stay in this test's memory
    });
    H5Tclose(type);
  }
  /// Of fixed length, at most 64 bytes.
  void set_fixed_text(const char* name, size_t at, const std::string& text) const {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 64);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    change<std::array<char, 64>>(name, at, type,
                                 [&](std::array<char, 64>& value) { text.copy(value.data(), value.size()); });
    H5Tclose(type);
  }
  void set_text_attribute(const char* object, const char* name, const std::string& text) const {
    const hid_t owner = H5Oopen(file_, object, H5P_DEFAULT);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const hid_t space = H5Screate(H5S_SCALAR);
    EXPECT_GE(H5Adelete(owner, name), 0) << name;  // HDF5 1.10 does not always find the one to write over
    const hid_t attribute = H5Acreate2(owner, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const char* value = text.c_str();
    EXPECT_GE(H5Awrite(attribute, type, static_cast<const void*>(&value)), 0) << name;
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    H5Oclose(owner);
  }
  void remove(const char* name) const { EXPECT_GE(H5Ldelete(file_, name, H5P_DEFAULT), 0) << name; }

 private:
  hid_t file_;
};

}  // namespace ditmesh::testing
