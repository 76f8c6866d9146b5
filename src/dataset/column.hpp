#pragma once
// One column of /samples: written, read, and copied whatever its type.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ditmesh/dataset/sample.hpp"
#include "hdf5.hpp"

namespace ditmesh {

/// The HDF5 enum of the column `status`: missing 0, done 1, failed 2.
Hdf5Handle status_type();
/// ASCII of exactly `size` bytes, NULs at the end where a text is shorter.
Hdf5Handle fixed_ascii_type(size_t size);

/// Rows of a chunk of a column: writing so many at a time, from a multiple of it on, packs each chunk once.
inline constexpr size_t kColumnChunkRows = 65536;

enum class ColumnKind { text, integer, number, status, other };

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
  /// Rows [begin, begin + count) of it.
  static Column read_rows(hid_t group, const std::string& name, size_t begin, size_t count);
  static Column of_ints(const std::vector<int64_t>& values);
  static Column of_int32s(const std::vector<int32_t>& values);
  static Column of_floats(const std::vector<float>& values);
  static Column of_status(const std::vector<SampleStatus>& values);
  static Column of_texts(const std::vector<std::string>& values);
  /// For texts that are all short and ASCII: they compress, free ones do not.
  static Column of_fixed_texts(const std::vector<std::string>& values, size_t size);

  /// Chunked, deflate 1 with shuffle, described by axes and `units`.
  void write(hid_t group, const std::string& name, const std::string& units) const;
  /// The same for a column of `num_rows` rows of this one's type, which write_rows() fills.
  Hdf5Handle create(hid_t group, const std::string& name, const std::string& units, size_t num_rows) const;
  /// Makes these rows the rows [begin, begin + num_rows()) of what create() made.
  void write_rows(hid_t dataset, size_t begin) const;

  size_t num_rows() const { return num_rows_; }
  ColumnKind kind() const;
  /// Moves row `from` of `other`, a column of the same type, to row `to`.
  void take(size_t to, Column& other, size_t from);
  /// Whether row `row` and row `other_row` of `other` say the same; a text may be of fixed length here and
  /// free there.
  bool same(size_t row, const Column& other, size_t other_row) const;
  /// A value for people: "done", "42", "une forêt".
  std::string show(size_t row) const;
  /// A column of zeros of this column's type.
  Column empty_like(size_t num_rows) const;

  /// Each throws EnvironmentError if the column holds something else.
  std::vector<int64_t> ints() const;
  std::vector<float> floats() const;
  std::vector<SampleStatus> statuses() const;
  std::vector<std::string> texts() const;

 private:
  std::string_view text_at(size_t row) const;
  template <typename T>
  static Column of(Hdf5Handle type, const std::vector<T>& values);
  template <typename T>
  std::vector<T> converted(hid_t to) const;

  Hdf5Handle type_;
  bool is_text_;
  bool is_free_text_;  // a pointer a row
  size_t num_rows_;
  size_t row_bytes_;
  std::vector<std::byte> bytes_;
};

}  // namespace ditmesh
