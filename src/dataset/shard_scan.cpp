// The first pass over the shards: which samples are where.

#include <algorithm>
#include <cstring>
#include <utility>

#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/index.hpp"
#include "hdf5.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

ScannedShard scan_shard(const std::filesystem::path& output, const std::string& name) {
  const std::filesystem::path path = shard_path(output, name);
  const Hdf5Handle file = open_hdf5_file(path);
  check_format_version(file.get(), path);
  const Hdf5Handle group = open_group(file.get(), "samples");
  ScannedShard shard;
  shard.format = read_image_format(file.get(), path);
  check_columns(group.get(), shard.format, path);
  shard.name = name;
  shard.columns = member_names(group.get());
  shard.rows = Column::read(group.get(), "row").ints();
  if (shard.rows.empty()) throw EnvironmentError(cat(path, " holds no samples"), "remove it");
  const auto copies = Column::read_rows(group.get(), "copy", 0, shard.rows.size()).ints();
  shard.copies.reserve(copies.size());
  for (const int64_t copy : copies) shard.copies.push_back(static_cast<int32_t>(copy));
  shard.bucket = Column::read_rows(group.get(), "bucket", 0, 1).texts().front();
  shard.begin = Column::read_rows(group.get(), "index_in_bucket", 0, 1).ints().front();
  return shard;
}

// Numbers and texts one after the other, each behind its length.
class Packer {
 public:
  void number(int64_t value) { append(&value, 1); }
  void text(const std::string& value) { list(std::vector<char>(value.begin(), value.end())); }
  template <typename T>
  void list(const std::vector<T>& values) {
    number(static_cast<int64_t>(values.size()));
    append(values.data(), values.size());
  }
  std::string take() { return std::move(bytes_); }

 private:
  template <typename T>
  void append(const T* from, size_t count) {
    if (count > 0) bytes_.append(reinterpret_cast<const char*>(from), count * sizeof(T));
  }
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}

  int64_t number() {
    int64_t value = 0;
    take(&value, 1);
    return value;
  }
  std::string text() {
    const auto values = list<char>();
    return {values.begin(), values.end()};
  }
  ImageFormat format() {
    const std::string name = text();
    try {
      return ImageFormat::parse(name);
    } catch (const ConfigError&) {
      fail();
    }
  }
  template <typename T>
  std::vector<T> list() {
    const int64_t size = number();
    if (size < 0 || static_cast<uint64_t>(size) > bytes_.size() / sizeof(T)) fail();
    std::vector<T> values(static_cast<size_t>(size));
    take(values.data(), values.size());
    return values;
  }
  bool at_end() const { return bytes_.empty(); }

 private:
  template <typename T>
  void take(T* to, size_t count) {
    const size_t size = count * sizeof(T);
    if (size > bytes_.size()) fail();
    if (size > 0) std::memcpy(to, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  [[noreturn]] void fail() const {
    throw InternalError(cat("the last ", bytes_.size(), " bytes are no scanned shards"));
  }
  std::string_view bytes_;
};

}  // namespace

std::vector<std::string> shard_names(const std::filesystem::path& output) {
  std::vector<std::string> names;
  std::error_code none_if_not_there;
  for (const auto& file : std::filesystem::directory_iterator(output / "shards", none_if_not_there)) {
    if (file.path().extension() == ".h5") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<ScannedShard> scan_shards(const std::filesystem::path& output, int rank, int num_ranks) {
  const auto names = shard_names(output);
  if (names.empty()) {
    throw ConfigError(
        cat(output, " holds no shards (", output / "shards",
            std::filesystem::exists(output / "shards") ? " is empty" : " is not there", ")"),
        "give the folder that ditmesh generate wrote to, or let it run until a shard is complete");
  }
  std::vector<ScannedShard> shards;
  for (auto i = static_cast<size_t>(rank); i < names.size(); i += static_cast<size_t>(num_ranks)) {
    shards.push_back(scan_shard(output, names[i]));
  }
  return shards;
}

std::string pack_shards(const std::vector<ScannedShard>& shards) {
  Packer packer;
  for (const ScannedShard& shard : shards) {
    packer.text(shard.name);
    packer.text(shard.bucket);
    packer.number(shard.begin);
    packer.text(shard.format.to_string());
    packer.list(shard.rows);
    packer.list(shard.copies);
    packer.number(static_cast<int64_t>(shard.columns.size()));
    for (const std::string& column : shard.columns) packer.text(column);
  }
  return packer.take();
}

std::vector<ScannedShard> unpack_shards(std::string_view bytes) {
  Unpacker unpacker(bytes);
  std::vector<ScannedShard> shards;
  while (!unpacker.at_end()) {
    ScannedShard shard;
    shard.name = unpacker.text();
    shard.bucket = unpacker.text();
    shard.begin = unpacker.number();
    shard.format = unpacker.format();
    shard.rows = unpacker.list<int64_t>();
    shard.copies = unpacker.list<int32_t>();
    for (int64_t left = unpacker.number(); left > 0; --left) shard.columns.push_back(unpacker.text());
    shards.push_back(std::move(shard));
  }
  return shards;
}

}  // namespace ditmesh
