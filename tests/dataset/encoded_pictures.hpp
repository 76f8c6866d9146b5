#pragma once
// Encoded pictures as another program reads them: the HDF5 C API and nothing of ours.

#include <gtest/gtest.h>
#include <hdf5.h>

#include <filesystem>
#include <string>
#include <vector>

namespace ditmesh::testing {

inline const std::vector<const char*> kEncodedFormats = {"png", "webp", "jpeg:60"};

/// Every row of a dataset of variable-length uint8.
inline std::vector<std::string> read_encoded(const std::filesystem::path& path, const std::string& name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
  const hid_t stored = H5Dget_type(dataset);
  EXPECT_EQ(H5Tget_class(stored), H5T_VLEN) << name;
  const hid_t element = H5Tget_super(stored);
  EXPECT_GT(H5Tequal(element, H5T_STD_U8LE), 0) << name;
  const hid_t space = H5Dget_space(dataset);
  EXPECT_EQ(H5Sget_simple_extent_ndims(space), 1) << name;
  std::vector<hvl_t> rows(static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
  const hid_t type = H5Tvlen_create(H5T_NATIVE_UINT8);
  EXPECT_GE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()), 0) << name;
  std::vector<std::string> values;
  for (const hvl_t& row : rows) {
    values.emplace_back(row.len == 0 ? "" : static_cast<const char*>(row.p), row.len);
    H5free_memory(row.p);
  }
  for (const hid_t id : {stored, element, type}) H5Tclose(id);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  return values;
}

inline std::string read_text_attribute_of(const std::filesystem::path& path, const std::string& object,
                                          const char* name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t attribute = H5Aopen_by_name(file, object.c_str(), name, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  char* text = nullptr;
  EXPECT_GE(H5Aread(attribute, type, static_cast<void*>(&text)), 0) << object << " " << name;
  std::string value = text == nullptr ? "" : text;
  H5free_memory(text);
  H5Tclose(type);
  H5Aclose(attribute);
  H5Fclose(file);
  return value;
}

inline bool has_object(const std::filesystem::path& path, const std::string& name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const bool has = H5Lexists(file, name.c_str(), H5P_DEFAULT) > 0;
  H5Fclose(file);
  return has;
}

}  // namespace ditmesh::testing
