#pragma once
// HDF5 with owners for its handles and errors that say where and why.

#include <hdf5.h>

#include <filesystem>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ditmesh {

/// Throws EnvironmentError with HDF5's own reason for the call that just failed.
[[noreturn]] void fail_hdf5(std::string_view doing, const std::source_location& where);

/// Passes the result of an HDF5 call through; a negative one is an error:
/// "cannot DOING: HDF5 says … (file:line)".
template <typename T>
T check_hdf5(T result, std::string_view doing,
             const std::source_location& where = std::source_location::current()) {
  if (result < 0) fail_hdf5(doing, where);
  return result;
}

/// Owns an HDF5 id.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Hdf5Handle(hid_t id, Close closer, std::string_view doing,
             const std::source_location& where = std::source_location::current())
      : id_(check_hdf5(id, doing, where)), close_(closer) {}
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }

  hid_t get() const { return id_; }

  /// Closes now, so that an error (a full disk) is seen.
  void close(std::string_view doing, const std::source_location& where = std::source_location::current()) {
    check_hdf5(close_(std::exchange(id_, -1)), doing, where);
  }

 private:
  hid_t id_;
  Close close_;
};

/// New file (an old one is overwritten). Library bounds earliest to 1.10.
Hdf5Handle create_hdf5_file(const std::filesystem::path& path);
/// Read-only. Throws EnvironmentError naming the path, and whether it is there.
Hdf5Handle open_hdf5_file(const std::filesystem::path& path);
/// Whether the file begins as HDF5 files do; it may be damaged further on.
bool is_hdf5_file(const std::filesystem::path& path);

/// A group whose members are listed in the order in which they were made.
Hdf5Handle create_group(hid_t parent, const std::string& name);
Hdf5Handle open_group(hid_t parent, const std::string& name);
Hdf5Handle open_dataset(hid_t parent, const std::string& name);
bool has_link(hid_t parent, const std::string& name);
/// Names of the members of a group, in the order in which they were made.
std::vector<std::string> member_names(hid_t group);

/// HDF5 does not note when an object was made: the same content makes the same file.
void forget_times(const Hdf5Handle& creation);
Hdf5Handle simple_space(const std::vector<hsize_t>& shape);
std::vector<hsize_t> shape_of(hid_t dataset);
/// Rows [begin, begin + count) of dimension 0, all of the others.
Hdf5Handle select_rows(hid_t dataset, hsize_t begin, hsize_t count);

/// The type of UTF-8 text of any length.
Hdf5Handle utf8_type();
/// The type of any number of bytes: variable-length uint8.
Hdf5Handle bytes_type();
/// Row `row` of a dataset of bytes_type() with one dimension; empty where nothing was written.
std::string read_bytes(hid_t dataset, hsize_t row);
void write_bytes(hid_t dataset, hsize_t row, const std::string& bytes);

void write_attribute(hid_t object, const std::string& name, int64_t value);
void write_attribute(hid_t object, const std::string& name, const std::string& value);  // UTF-8, any length
/// ASCII of fixed length with a NUL, as the HDF5 image specification asks.
void write_ascii_attribute(hid_t object, const std::string& name, const std::string& value);
int64_t read_int_attribute(hid_t object, const std::string& name);
std::string read_text_attribute(hid_t object, const std::string& name);
bool has_attribute(hid_t object, const std::string& name);

/// Every dataset says what its dimensions and its numbers are.
void describe(hid_t dataset, const std::string& axes, const std::string& units);

}  // namespace ditmesh
