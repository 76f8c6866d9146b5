#pragma once
// One column of /samples: written, read, and copied whatever its type.

#include <cstddef>
#include <string>
#include <vector>

#include "ditmesh/dataset/sample.hpp"
#include "hdf5.hpp"

namespace ditmesh {

/// The HDF5 enum of the column `status`: missing 0, done 1, failed 2.
Hdf5Handle status_type();
/// ASCII of exactly `size` bytes, NULs at the end where a text is shorter.
Hdf5Handle fixed_ascii_type(size_t size);

/// The rows of a column as HDF5 has them in memory. Owns the texts in them.
class Column {
 public:
  /// `num_rows` rows of zeros: 0 or the empty text.
  Column(Hdf5Handle type, size_t num_rows);
  ~Column();
  Column(Column&&) noexcept = default;
  Column& operator=(Column&&) = delete;

  /// The column `name` of a group.
  static Column read(hid_t group, const std::string& name);
  static Column of_ints(const std::vector<int64_t>& values);
  static Column of_int32s(const std::vector<int32_t>& values);
  static Column of_floats(const std::vector<float>& values);
  static Column of_status(const std::vector<SampleStatus>& values);
  static Column of_texts(const std::vector<std::string>& values);
  /// For texts that are all short and ASCII: they compress, free ones do not.
  static Column of_fixed_texts(const std::vector<std::string>& values, size_t size);

  /// Chunked, deflate 1 with shuffle, described by axes and `units`.
  void write(hid_t group, const std::string& name, const std::string& units) const;

  size_t num_rows() const { return num_rows_; }
  /// Moves row `from` of `other`, a column of the same type, to row `to`.
  void take(size_t to, Column& other, size_t from);
  /// A column of zeros of this column's type.
  Column empty_like(size_t num_rows) const;

  /// Each throws EnvironmentError if the column holds something else.
  std::vector<int64_t> ints() const;
  std::vector<float> floats() const;
  std::vector<SampleStatus> statuses() const;
  std::vector<std::string> texts() const;

 private:
  bool is_text() const;
  bool is_free_text() const;
  template <typename T>
  static Column of(Hdf5Handle type, const std::vector<T>& values);
  template <typename T>
  std::vector<T> converted(hid_t to) const;

  Hdf5Handle type_;
  size_t num_rows_;
  size_t row_bytes_;
  std::vector<std::byte> bytes_;
};

}  // namespace ditmesh
