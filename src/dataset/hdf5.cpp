#include "hdf5.hpp"

#include <fstream>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

std::string between(const std::string& text, const std::string& before, char after) {
  const size_t at = text.find(before);
  if (at == std::string::npos) return {};
  const size_t begin = at + before.size();
  return text.substr(begin, text.find(after, begin) - begin);
}

// The innermost message of HDF5's error stack: the reason rather than the consequences.
std::string innermost_reason() {
  std::string reason;
  const auto keep_first = [](unsigned, const H5E_error2_t* error, void* text) -> herr_t {
    auto& kept = *static_cast<std::string*>(text);
    if (kept.empty() && error->desc != nullptr) kept = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &reason);
  // "file write failed: time = …, filename = 'a.h5', …, error message = 'No space left …', buf = 0x…"
  const std::string message = between(reason, "error message = '", '\'');
  if (message.empty()) return reason.empty() ? "nothing" : reason;
  return cat(reason.substr(0, reason.find(':')), ": ", message, ": ", between(reason, "filename = '", '\''));
}

Hdf5Handle file_access() {
  // After a write to a full disk HDF5 1.10 keeps the broken file in its tables
  // and crashes over it when the process ends; what must be closed, we close.
  static const herr_t no_cleanup_at_exit = H5dont_atexit();
  static_cast<void>(no_cleanup_at_exit);
  // Our errors carry the reason; HDF5 would print its whole stack to stderr.
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "set up file access");
  check_hdf5(H5Pset_libver_bounds(access.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_V110), "set the file format");
#if H5_VERSION_GE(1, 10, 7)
  // Lustre and NFS are often mounted without locks; only then do without.
  check_hdf5(H5Pset_file_locking(access.get(), true, true), "set file locking");
#endif
  return access;
}

Hdf5Handle ascii_type(size_t size) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  check_hdf5(H5Tset_size(type.get(), size), "make a text type");
  return type;
}

Hdf5Handle open_attribute(hid_t object, const std::string& name) {
  return {H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, cat("read the attribute ", name)};
}

void write_scalar(hid_t object, const std::string& name, hid_t file_type, hid_t memory_type,
                  const void* value) {
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose, "make a scalar");
  const std::string doing = cat("write the attribute ", name);
  const Hdf5Handle attribute(
      H5Acreate2(object, name.c_str(), file_type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, doing);
  check_hdf5(H5Awrite(attribute.get(), memory_type, value), doing);
}

}  // namespace

void fail_hdf5(std::string_view doing, const std::source_location& where) {
  const std::string file = std::filesystem::path(where.file_name()).filename().string();
  throw EnvironmentError(
      cat("cannot ", doing, ": HDF5 says: ", innermost_reason(), " (", file, ":", where.line(), ")"),
      "check the file, its permissions and the free space");
}

Hdf5Handle create_hdf5_file(const std::filesystem::path& path) {
  const Hdf5Handle access = file_access();
  // Closing then fails while something in the file is open, instead of waiting.
  check_hdf5(H5Pset_fclose_degree(access.get(), H5F_CLOSE_SEMI), "set up a file");
  const Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "set up a file");
  check_hdf5(H5Pset_link_creation_order(creation.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
             "set up a file");
  forget_times(creation);
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose,
          cat("create ", path)};
}

Hdf5Handle open_hdf5_file(const std::filesystem::path& path) {
  const Hdf5Handle access = file_access();
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get());
  if (file < 0) {
    const std::string reason = innermost_reason();
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) {
      throw EnvironmentError(cat(path, " cannot be read: ", error.message()),
                             "bring it back, or make the dataset again");
    }
    throw EnvironmentError(cat(path, " (", size, " bytes) is damaged or no HDF5 file: HDF5 says: ", reason),
                           "copy it again, or remove it and make its samples again");
  }
  return {file, H5Fclose, cat("open ", path)};
}

bool is_hdf5_file(const std::filesystem::path& path) {
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  std::ifstream in(path, std::ios::binary);
  std::string begin(kSignature.size(), '\0');
  in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kSignature;
}

Hdf5Handle create_group(hid_t parent, const std::string& name) {
  const Hdf5Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "set up a group");
  check_hdf5(H5Pset_link_creation_order(creation.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
             "set up a group");
  forget_times(creation);
  return {H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Gclose,
          cat("create the group ", name)};
}

Hdf5Handle open_group(hid_t parent, const std::string& name) {
  return {H5Gopen2(parent, name.c_str(), H5P_DEFAULT), H5Gclose, cat("open the group ", name)};
}

Hdf5Handle open_dataset(hid_t parent, const std::string& name) {
  return {H5Dopen2(parent, name.c_str(), H5P_DEFAULT), H5Dclose, cat("open the HDF5 dataset ", name)};
}

bool has_link(hid_t parent, const std::string& name) {
  return check_hdf5(H5Lexists(parent, name.c_str(), H5P_DEFAULT), cat("look for ", name)) > 0;
}

std::vector<std::string> member_names(hid_t group) {
  std::vector<std::string> names;
  const auto keep = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
    static_cast<std::vector<std::string>*>(list)->emplace_back(name);
    return 0;
  };
  // Files that another tool repacked may have lost the order.
  if (H5Literate(group, H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, keep, &names) < 0) {
    names.clear();
    check_hdf5(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, keep, &names), "list a group");
  }
  return names;
}

void forget_times(const Hdf5Handle& creation) {
  check_hdf5(H5Pset_obj_track_times(creation.get(), false), "set up a dataset");
}

Hdf5Handle simple_space(const std::vector<hsize_t>& shape) {
  return {H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose, "make a shape"};
}

std::vector<hsize_t> shape_of(hid_t dataset) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose, "read a shape");
  const int rank = check_hdf5(H5Sget_simple_extent_ndims(space.get()), "read a shape");
  std::vector<hsize_t> shape(static_cast<size_t>(rank));
  check_hdf5(H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr), "read a shape");
  return shape;
}

Hdf5Handle select_rows(hid_t dataset, hsize_t begin, hsize_t count) {
  Hdf5Handle space(H5Dget_space(dataset), H5Sclose, "read a shape");
  const hsize_t start[H5S_MAX_RANK] = {begin};
  hsize_t size[H5S_MAX_RANK] = {};
  check_hdf5(H5Sget_simple_extent_dims(space.get(), size, nullptr), "read a shape");
  size[0] = count;
  check_hdf5(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start, nullptr, size, nullptr), "select rows");
  return space;
}

Hdf5Handle utf8_type() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  check_hdf5(H5Tset_size(type.get(), H5T_VARIABLE), "make a text type");
  check_hdf5(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a text type");
  return type;
}

Hdf5Handle bytes_type() { return {H5Tvlen_create(H5T_STD_U8LE), H5Tclose, "make the type of bytes"}; }

std::string read_bytes(hid_t dataset, hsize_t row) {
  const Hdf5Handle type = bytes_type();
  const Hdf5Handle from = select_rows(dataset, row, 1);
  const Hdf5Handle to = simple_space({1});
  hvl_t read{};
  check_hdf5(H5Dread(dataset, type.get(), to.get(), from.get(), H5P_DEFAULT, &read),
             cat("read the bytes of row ", row));
  std::string bytes;
  if (read.p != nullptr) bytes.assign(static_cast<const char*>(read.p), read.len);
  H5free_memory(read.p);
  return bytes;
}

void write_bytes(hid_t dataset, hsize_t row, const std::string& bytes) {
  const Hdf5Handle type = bytes_type();
  const Hdf5Handle to = select_rows(dataset, row, 1);
  const Hdf5Handle from = simple_space({1});
  const hvl_t written = {bytes.size(), const_cast<char*>(bytes.data())};
  check_hdf5(H5Dwrite(dataset, type.get(), from.get(), to.get(), H5P_DEFAULT, &written),
             cat("write the bytes of row ", row));
}

void write_attribute(hid_t object, const std::string& name, int64_t value) {
  write_scalar(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void write_attribute(hid_t object, const std::string& name, const std::string& value) {
  const Hdf5Handle type = utf8_type();
  const char* text = value.c_str();
  write_scalar(object, name, type.get(), type.get(), &text);
}

void write_ascii_attribute(hid_t object, const std::string& name, const std::string& value) {
  const Hdf5Handle type = ascii_type(value.size() + 1);
  write_scalar(object, name, type.get(), type.get(), value.c_str());
}

int64_t read_int_attribute(hid_t object, const std::string& name) {
  const Hdf5Handle attribute = open_attribute(object, name);
  int64_t value = 0;
  check_hdf5(H5Aread(attribute.get(), H5T_NATIVE_INT64, &value), cat("read the attribute ", name));
  return value;
}

std::string read_text_attribute(hid_t object, const std::string& name) {
  const Hdf5Handle attribute = open_attribute(object, name);
  const Hdf5Handle type = utf8_type();
  char* text = nullptr;
  check_hdf5(H5Aread(attribute.get(), type.get(), static_cast<void*>(&text)),
             cat("read the attribute ", name));
  std::string value = text == nullptr ? "" : text;
  H5free_memory(text);
  return value;
}

bool has_attribute(hid_t object, const std::string& name) {
  return check_hdf5(H5Aexists(object, name.c_str()), cat("look for the attribute ", name)) > 0;
}

void describe(hid_t dataset, const std::string& axes, const std::string& units) {
  write_attribute(dataset, "axes", axes);
  write_attribute(dataset, "units", units);
}

}  // namespace ditmesh
