#pragma once
// Files of a dataset as another program reads them.

#include <gtest/gtest.h>
#include <hdf5.h>

#include <filesystem>
#include <string>
#include <vector>

namespace ditmesh::testing {

/// The HDF5 C API and nothing of ours.
class Hdf5Api {
 public:
  explicit Hdf5Api(const std::filesystem::path& path)
      : file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {}
  ~Hdf5Api() { H5Fclose(file_); }
  Hdf5Api(const Hdf5Api&) = delete;
  Hdf5Api& operator=(const Hdf5Api&) = delete;

  template <typename T>
  std::vector<T> numbers(const std::string& name, hid_t type) const {
    const hid_t dataset = H5Dopen2(file_, name.c_str(), H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    std::vector<T> values(static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
    EXPECT_GE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << name;
    H5Sclose(space);
    H5Dclose(dataset);
    return values;
  }

  std::vector<std::string> texts(const std::string& name) const {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    std::vector<std::string> values;
    for (char* text : numbers<char*>(name, type)) {
      values.emplace_back(text == nullptr ? "" : text);
      H5free_memory(text);
    }
    H5Tclose(type);
    return values;
  }

  /// Every row of a dataset of variable-length uint8.
  std::vector<std::string> encoded(const std::string& name) const {
    const hid_t dataset = open(name);
    const hid_t stored = H5Dget_type(dataset);
    EXPECT_EQ(H5Tget_class(stored), H5T_VLEN) << name;
    const hid_t element = H5Tget_super(stored);
    EXPECT_GT(H5Tequal(element, H5T_STD_U8LE), 0) << name;
    const hid_t type = H5Tvlen_create(H5T_NATIVE_UINT8);
    std::vector<std::string> values;
    for (const hvl_t& row : numbers<hvl_t>(name, type)) {
      values.emplace_back(row.len == 0 ? "" : static_cast<const char*>(row.p), row.len);
      H5free_memory(row.p);
    }
    for (const hid_t id : {stored, element, type}) H5Tclose(id);
    H5Dclose(dataset);
    return values;
  }

  std::string attribute(const std::string& object, const std::string& name) const {
    const hid_t attribute = H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    char* text = nullptr;
    EXPECT_GE(H5Aread(attribute, type, static_cast<void*>(&text)), 0) << object << " " << name;
    std::string value = text == nullptr ? "" : text;
    H5free_memory(text);
    H5Tclose(type);
    H5Aclose(attribute);
    return value;
  }

  std::string fixed_attribute(const std::string& object, const std::string& name) const {
    const hid_t attribute = H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Aget_type(attribute);
    EXPECT_EQ(H5Tis_variable_str(type), 0) << "viewers know only texts of fixed length here";
    std::string value(H5Tget_size(type), '\0');
    H5Aread(attribute, type, value.data());
    H5Tclose(type);
    H5Aclose(attribute);
    return value.c_str();
  }

  int64_t number_attribute(const std::string& object, const std::string& name) const {
    const hid_t attribute = H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    int64_t value = -1;
    EXPECT_GE(H5Aread(attribute, H5T_NATIVE_INT64, &value), 0) << object << " " << name;
    H5Aclose(attribute);
    return value;
  }

  bool exists(const std::string& name) const { return H5Lexists(file_, name.c_str(), H5P_DEFAULT) > 0; }
  hid_t file() const { return file_; }
  hid_t open(const std::string& name) const { return H5Dopen2(file_, name.c_str(), H5P_DEFAULT); }

 private:
  hid_t file_;
};

}  // namespace ditmesh::testing
