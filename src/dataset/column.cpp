#include "column.hpp"

#include <algorithm>
#include <cstring>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

Hdf5Handle copy_type(hid_t type) { return {H5Tcopy(type), H5Tclose, "copy a type"}; }

}  // namespace

Hdf5Handle status_type() {
  Hdf5Handle type(H5Tenum_create(H5T_STD_U8LE), H5Tclose, "make the status type");
  for (const SampleStatus status : {SampleStatus::missing, SampleStatus::done, SampleStatus::failed}) {
    const auto value = static_cast<uint8_t>(status);
    check_hdf5(H5Tenum_insert(type.get(), std::string(to_string(status)).c_str(), &value),
               "make the status type");
  }
  return type;
}

Hdf5Handle fixed_ascii_type(size_t size) {
  Hdf5Handle type = copy_type(H5T_C_S1);
  check_hdf5(H5Tset_size(type.get(), size), "make a text type");
  check_hdf5(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "make a text type");
  return type;
}

Column::Column(Hdf5Handle type, size_t num_rows)
    : type_(std::move(type)),
      is_text_(H5Tget_class(type_.get()) == H5T_STRING),
      is_free_text_(is_text_ && H5Tis_variable_str(type_.get()) > 0),
      num_rows_(num_rows),
      row_bytes_(H5Tget_size(type_.get())),
      bytes_(num_rows_ * row_bytes_) {}

Column::~Column() {
  if (!is_free_text_ || bytes_.empty()) return;  // moved from: empty
  for (size_t row = 0; row < num_rows_; ++row) {
    char* text = nullptr;
    std::memcpy(&text, bytes_.data() + row * row_bytes_, sizeof(text));
    H5free_memory(text);
  }
}

Column Column::read(hid_t group, const std::string& name) {
  const Hdf5Handle dataset = open_dataset(group, name);
  // Files are little-endian, as all our machines are: the file's type serves in memory.
  Column column(Hdf5Handle(H5Dget_type(dataset.get()), H5Tclose, "read a type"),
                shape_of(dataset.get()).at(0));
  if (column.num_rows_ > 0) {
    check_hdf5(
        H5Dread(dataset.get(), column.type_.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, column.bytes_.data()),
        cat("read the column ", name));
  }
  return column;
}

Column Column::read_rows(hid_t group, const std::string& name, size_t begin, size_t count) {
  const Hdf5Handle dataset = open_dataset(group, name);
  const size_t num_rows = shape_of(dataset.get()).at(0);
  if (begin + count > num_rows) {
    throw EnvironmentError(
        cat("the column ", name, " of /samples has ", num_rows, " rows where ", begin + count, " are needed"),
        "copy the file again, or remove it and make its samples again");
  }
  Column column(Hdf5Handle(H5Dget_type(dataset.get()), H5Tclose, "read a type"), count);
  if (count == 0) return column;
  const Hdf5Handle from = select_rows(dataset.get(), begin, count);
  const Hdf5Handle to = simple_space({count});
  check_hdf5(
      H5Dread(dataset.get(), column.type_.get(), to.get(), from.get(), H5P_DEFAULT, column.bytes_.data()),
      cat("read the column ", name));
  return column;
}

template <typename T>
Column Column::of(Hdf5Handle type, const std::vector<T>& values) {
  Column column(std::move(type), values.size());
  if (!values.empty()) std::memcpy(column.bytes_.data(), values.data(), values.size() * sizeof(T));
  return column;
}

Column Column::of_ints(const std::vector<int64_t>& values) { return of(copy_type(H5T_STD_I64LE), values); }
Column Column::of_int32s(const std::vector<int32_t>& values) { return of(copy_type(H5T_STD_I32LE), values); }
Column Column::of_floats(const std::vector<float>& values) { return of(copy_type(H5T_IEEE_F32LE), values); }
Column Column::of_status(const std::vector<SampleStatus>& values) { return of(status_type(), values); }

Column Column::of_texts(const std::vector<std::string>& values) {
  Column column(utf8_type(), values.size());
  for (size_t row = 0; row < values.size(); ++row) {
    if (values[row].empty()) continue;  // nothing is written for a null pointer
    auto* text = static_cast<char*>(H5allocate_memory(values[row].size() + 1, false));
    if (text == nullptr)
      throw EnvironmentError("memory for the texts of a column is used up", "use more memory");
    std::memcpy(text, values[row].c_str(), values[row].size() + 1);
    std::memcpy(column.bytes_.data() + row * column.row_bytes_, &text, sizeof(text));
  }
  return column;
}

Column Column::of_fixed_texts(const std::vector<std::string>& values, size_t size) {
  Column column(fixed_ascii_type(size), values.size());
  for (size_t row = 0; row < values.size(); ++row) {
    std::memcpy(column.bytes_.data() + row * size, values[row].data(), std::min(size, values[row].size()));
  }
  return column;
}

void Column::write(hid_t group, const std::string& name, const std::string& units) const {
  Hdf5Handle dataset = create(group, name, units, num_rows_);
  write_rows(dataset.get(), 0);
  dataset.close(cat("write the column ", name));
}

Hdf5Handle Column::create(hid_t group, const std::string& name, const std::string& units,
                          size_t num_rows) const {
  const std::string doing = cat("create the column ", name);
  const Hdf5Handle space = simple_space({num_rows});
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, doing);
  const hsize_t chunk = std::clamp<hsize_t>(num_rows, 1, kColumnChunkRows);
  check_hdf5(H5Pset_chunk(creation.get(), 1, &chunk), doing);
  check_hdf5(H5Pset_shuffle(creation.get()), doing);
  check_hdf5(H5Pset_deflate(creation.get(), 1), doing);
  forget_times(creation);
  Hdf5Handle dataset(
      H5Dcreate2(group, name.c_str(), type_.get(), space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
      H5Dclose, doing);
  describe(dataset.get(), "sample", units);
  return dataset;
}

void Column::write_rows(hid_t dataset, size_t begin) const {
  if (num_rows_ == 0) return;
  const Hdf5Handle to = select_rows(dataset, begin, num_rows_);
  const Hdf5Handle from = simple_space({num_rows_});
  check_hdf5(H5Dwrite(dataset, type_.get(), from.get(), to.get(), H5P_DEFAULT, bytes_.data()),
             cat("write rows ", begin, " to ", begin + num_rows_, " of a column"));
}

void Column::take(size_t to, Column& other, size_t from) {
  if (row_bytes_ != other.row_bytes_ || H5Tequal(type_.get(), other.type_.get()) <= 0) {
    throw EnvironmentError("a column has another type in one shard than in another",
                           "the shards come from different versions or jobs, take those of one");
  }
  std::byte* source = other.bytes_.data() + from * row_bytes_;
  std::memcpy(bytes_.data() + to * row_bytes_, source, row_bytes_);
  std::memset(source, 0, row_bytes_);  // texts have one owner
}

bool Column::same(size_t row, const Column& other, size_t other_row) const {
  if (is_text_ != other.is_text_) return false;
  if (is_text_) return text_at(row) == other.text_at(other_row);
  return H5Tequal(type_.get(), other.type_.get()) > 0 &&
         std::memcmp(bytes_.data() + row * row_bytes_, other.bytes_.data() + other_row * row_bytes_,
                     row_bytes_) == 0;
}

ColumnKind Column::kind() const {
  switch (H5Tget_class(type_.get())) {
    case H5T_STRING:
      return ColumnKind::text;
    case H5T_INTEGER:
      return ColumnKind::integer;
    case H5T_FLOAT:
      return ColumnKind::number;
    case H5T_ENUM:
      return ColumnKind::status;
    default:
      return ColumnKind::other;
  }
}

std::string Column::show(size_t row) const {
  if (is_text_) return std::string(text_at(row));
  Column one = empty_like(1);
  std::memcpy(one.bytes_.data(), bytes_.data() + row * row_bytes_, row_bytes_);
  switch (H5Tget_class(type_.get())) {
    case H5T_INTEGER:
      return cat(one.ints().front());
    case H5T_FLOAT:
      return cat(one.floats().front());
    case H5T_ENUM:
      return cat(static_cast<int>(one.statuses().front()));
    default:
      return "something that is no number";
  }
}

Column Column::empty_like(size_t num_rows) const { return {copy_type(type_.get()), num_rows}; }

template <typename T>
std::vector<T> Column::converted(hid_t to) const {
  const H5T_class_t kind = H5Tget_class(type_.get());
  if (kind != H5Tget_class(to)) {
    throw EnvironmentError("a column of /samples does not hold the type that it should",
                           "make the index again with ditmesh index");
  }
  // In place, as HDF5 converts: the buffer must hold the larger of both.
  std::vector<std::byte> buffer(num_rows_ * std::max(row_bytes_, sizeof(T)));
  std::copy(bytes_.begin(), bytes_.end(), buffer.begin());
  check_hdf5(H5Tconvert(type_.get(), to, num_rows_, buffer.data(), nullptr, H5P_DEFAULT), "convert a column");
  std::vector<T> values(num_rows_);
  if (num_rows_ == 0) return values;  // no memory to copy from
  std::memcpy(static_cast<void*>(values.data()), buffer.data(), num_rows_ * sizeof(T));
  return values;
}

std::vector<int64_t> Column::ints() const { return converted<int64_t>(H5T_NATIVE_INT64); }
std::vector<float> Column::floats() const { return converted<float>(H5T_NATIVE_FLOAT); }
std::vector<SampleStatus> Column::statuses() const { return converted<SampleStatus>(status_type().get()); }

std::vector<std::string> Column::texts() const {
  if (!is_text_) {
    throw EnvironmentError("a column of /samples holds numbers where texts should be",
                           "make the index again with ditmesh index");
  }
  std::vector<std::string> values(num_rows_);
  for (size_t row = 0; row < num_rows_; ++row) values[row] = text_at(row);
  return values;
}

std::string_view Column::text_at(size_t row) const {
  const std::byte* at = bytes_.data() + row * row_bytes_;
  if (!is_free_text_) {
    const auto* text = reinterpret_cast<const char*>(at);
    return {text, strnlen(text, row_bytes_)};
  }
  const char* text = nullptr;
  std::memcpy(&text, at, sizeof(text));
  return text == nullptr ? std::string_view{} : std::string_view(text);
}

}  // namespace ditmesh
