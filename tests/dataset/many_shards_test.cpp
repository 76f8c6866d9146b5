// More shards than a process may open files.

#include <hdf5.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <optional>

#include "ditmesh/base/file.hpp"
#include "ditmesh/dataset/index.hpp"
#include "ditmesh/dataset/reader.hpp"
#include "ditmesh/dataset/verify.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::picture_of;
using testing::TemporaryFolder;

constexpr int64_t kNumShards = 3000;
constexpr size_t kNameBytes = 32;

/// As `ulimit -n 256`.
class OpenFilesLimit {
 public:
  OpenFilesLimit() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit limit{256, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~OpenFilesLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  OpenFilesLimit(const OpenFilesLimit&) = delete;
  OpenFilesLimit& operator=(const OpenFilesLimit&) = delete;

 private:
  rlimit before_{};
};

std::string number_text(const char* format, int64_t number) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, static_cast<int>(number));
  return text.data();
}
std::string shard_name(int64_t number) { return number_text("16x16-%06d", number); }
std::string id_of(int64_t number) { return number_text("id %06d", number); }

/// Writes shards of one sample. A real one costs milliseconds, for its fsync and its filters: this writes one
/// by plain HDF5 calls, without filters, and for each of the others changes the bytes that tell it apart.
class OneRowShards {
 public:
  explicit OneRowShards(const std::filesystem::path& scratch) {
    file_ = H5Fcreate(scratch.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const int64_t format_version = 1;
    const hid_t scalar = H5Screate(H5S_SCALAR);
    const hid_t attribute =
        H5Acreate2(file_, "format_version", H5T_STD_I64LE, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT64, &format_version);
    H5Aclose(attribute);
    H5Sclose(scalar);
    for (const char* group : {"samples", "16x16"})
      H5Gclose(H5Gcreate2(file_, group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));

    const hid_t free_text = text_type(H5T_VARIABLE);
    const char* id = "id 000000";
    const char* prompt = "a cat";
    add("samples/id", free_text, &id);
    add("samples/prompt", free_text, &prompt);
    const char* nothing = nullptr;
    for (const char* text : {"samples/negative_prompt", "samples/error"}) add(text, free_text, &nothing);
    const int64_t zero = 0;
    row_ = add("samples/row", H5T_STD_I64LE, &zero);
    for (const char* number : {"samples/copy", "samples/steps", "samples/attempt"})
      add(number, H5T_STD_I32LE, &zero);
    for (const char* number : {"samples/guidance", "samples/true_cfg", "samples/device_seconds"})
      add(number, H5T_IEEE_F32LE, &zero);
    seed_ = add("samples/seed", H5T_STD_I64LE, &zero);
    index_in_bucket_ = add("samples/index_in_bucket", H5T_STD_I64LE, &zero);
    add("samples/index_in_shard", H5T_STD_I64LE, &zero);
    add_status();
    const hid_t name = text_type(kNameBytes);
    shard_ = add("samples/shard", name, std::string(kNameBytes, '\0').data());
    const std::string bucket = std::string("16x16") + std::string(kNameBytes, '\0');
    add("samples/bucket", name, bucket.data());
    const hid_t hash = text_type(64);
    sha256_ = add("samples/sha256", hash, std::string(64, '0').data());
    images_ = add("16x16/images", H5T_STD_U8LE, Image(16, 16).pixels.data(), {1, 16, 16, 3});
    for (const hid_t type : {free_text, name, hash}) H5Tclose(type);
    H5Fclose(file_);
    bytes_ = read_file(scratch);
    id_ = bytes_.find(id);
  }

  void write(const std::filesystem::path& path, int64_t number) {
    const Image image = picture_of(16, 16, number);
    put(row_, &number, sizeof number);
    put(seed_, &number, sizeof number);
    put(index_in_bucket_, &number, sizeof number);
    put(id_, id_of(number).data(), id_of(number).size());
    put(shard_, shard_name(number).data(), shard_name(number).size());
    put(sha256_, pixel_sha256(image).data(), 64);
    put(images_, image.pixels.data(), image.size_bytes());
    std::ofstream(path, std::ios::binary) << bytes_;
  }

 private:
  static hid_t text_type(size_t size) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    if (size != H5T_VARIABLE) H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
  }

  // The place of its first value in the file.
  size_t add(const char* name, hid_t type, const void* values,
             const std::vector<hsize_t>& shape = {1}) const {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t dataset = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0) << name;
    const haddr_t offset = H5Dget_offset(dataset);
    EXPECT_NE(offset, HADDR_UNDEF) << name;
    H5Dclose(dataset);
    H5Sclose(space);
    return static_cast<size_t>(offset);
  }

  void add_status() const {
    const hid_t type = H5Tenum_create(H5T_STD_U8LE);
    uint8_t value = 0;
    for (const char* name : {"missing", "done", "failed"}) {
      H5Tenum_insert(type, name, &value);
      ++value;
    }
    const uint8_t done = 1;
    add("samples/status", type, &done);
    H5Tclose(type);
  }

  void put(size_t offset, const void* from, size_t size) { std::memcpy(bytes_.data() + offset, from, size); }

  hid_t file_ = -1;
  std::string bytes_;
  size_t id_ = 0, row_ = 0, seed_ = 0, index_in_bucket_ = 0, shard_ = 0, sha256_ = 0, images_ = 0;
};

TEST(ManyShards, NeverReadAsBlackPixels) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "shards");
  const auto shard = [&](int64_t number) {
    return folder.path() / "shards" / cat(shard_name(number), ".h5");
  };
  OneRowShards shards(folder.path() / "one.h5");
  for (int64_t number = 0; number < kNumShards; ++number) shards.write(shard(number), number);
  const OpenFilesLimit limit;

  // One is not there, another is cut: the index is refused.
  std::filesystem::remove(shard(1000));
  std::filesystem::resize_file(shard(20), 1000);
  EXPECT_THAT(
      error_of<EnvironmentError>([&] { write_index(folder.path()); }),
      AllOf(HasSubstr("16x16-000020.h5\" (1000 bytes) is damaged"), HasSubstr("make its samples again")));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "dataset.h5"));

  // It is made of the shards that are there.
  shards.write(shard(20), 20);
  const IndexResult index = write_index(folder.path());
  EXPECT_EQ(index.counts, (StatusCounts{0, kNumShards - 1, 0}));
  EXPECT_EQ(index.num_shards, kNumShards - 1);

  // The plain HDF5 calls of other programs: rows through the link of their shard, one file at a time.
  const hid_t file = H5Fopen((folder.path() / "dataset.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const auto read = [&](int64_t number) {
    Image image(16, 16);
    const hid_t images =
        H5Dopen2(file, cat("/by_shard/", shard_name(number), "/16x16/images").c_str(), H5P_DEFAULT);
    const bool is_read = images >= 0 && H5Dread(images, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                                image.pixels.data()) >= 0;
    if (images >= 0) H5Dclose(images);
    return is_read ? std::optional(image) : std::nullopt;
  };
  EXPECT_EQ(H5Lexists(file, "/16x16/images", H5P_DEFAULT), 0) << "no virtual dataset over so many shards";
  for (int64_t number = 5; number < kNumShards; number += 10) {
    ASSERT_EQ(read(number), picture_of(16, 16, number));
  }

  // One is removed and another cut behind the index's back.
  std::filesystem::remove(shard(2000));
  std::filesystem::resize_file(shard(2500), 1000);
  for (const int64_t number : {1000, 2000, 2500}) EXPECT_FALSE(read(number).has_value()) << number;
  H5Fclose(file);
  const Dataset dataset(folder.path());
  ASSERT_EQ(dataset.size(), kNumShards - 1);
  EXPECT_EQ(dataset.row(999).sample.id, "id 000999");
  EXPECT_EQ(dataset.row(1000).sample.id, "id 001001") << "the absent shard's row is not there";
  EXPECT_EQ(dataset.pixels(1998), picture_of(16, 16, 1999));
  EXPECT_THAT(error_of<EnvironmentError>([&] { dataset.pixels(1999); }),
              AllOf(HasSubstr("16x16-002000.h5"), HasSubstr("No such file")));
  EXPECT_THAT(error_of<EnvironmentError>([&] { dataset.pixels(2499); }),
              AllOf(HasSubstr("16x16-002500.h5"), HasSubstr("is damaged")));
  // The last of 500 ranks looks at every 500th of the shards: 499, 999, 1500, 2000 and 2500.
  const VerifyReport report = verify_shards(folder.path(), 499, 500);
  EXPECT_EQ(report.num_hashed, 3);
  EXPECT_THAT(report.problems(),
              ElementsAre("the shard 16x16-002000 is not there, the index names it",
                          AllOf(HasSubstr("the shard 16x16-002500: "), HasSubstr("is damaged"))));
}

}  // namespace
}  // namespace ditmesh
