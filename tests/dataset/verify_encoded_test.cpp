// verify on datasets whose pictures are encoded.

#include "damage.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/dataset/verify.hpp"
#include "hdf5_api.hpp"
#include "helpers.hpp"

namespace ditmesh {
namespace {

using ::testing::AllOf;
using testing::DamagedFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Hdf5Api;
using ::testing::IsEmpty;
using testing::Job;
using testing::kEncodedFormats;
using testing::picture_of;
using ::testing::StartsWith;
using testing::TemporaryFolder;

constexpr const char* kEncoded = "/16x24/encoded";

/// Three samples in a shard.
class EncodedDataset {
 public:
  explicit EncodedDataset(const char* format) : format_(ImageFormat::parse(format)) {
    Job(manifest_from_prompts({"a", "b", "c"}), testing::small_pictures(), {})
        .write_all(folder_.path(), {}, format_);
  }

  const ImageFormat& format() const { return format_; }
  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path shard() const { return folder_.path() / "shards/16x24-000000.h5"; }
  std::vector<std::string> problems() const { return verify_dataset(folder_.path()).problems(); }

  /// Another picture file for sample 1, with a hash that is right, as no accident would leave it.
  void replace(const std::string& bytes) const {
    for (const auto& file : {shard(), folder_.path() / "dataset.h5"}) {
      DamagedFile(file).set_fixed_text("/samples/encoded_sha256", 1, sha256_hex(bytes));
    }
    DamagedFile(shard()).set_bytes(kEncoded, 1, bytes);
  }

 private:
  const TemporaryFolder folder_;
  const ImageFormat format_;
};

TEST(VerifyEncoded, FindsNothingInAGoodDataset) {
  for (const char* format : kEncodedFormats) {
    const EncodedDataset dataset(format);
    const VerifyReport report = verify_dataset(dataset.path());
    EXPECT_THAT(report.problems(), IsEmpty());
    EXPECT_EQ(report.num_hashed, 3);
    EXPECT_NE(report.content_hash, "");
  }
}

TEST(VerifyEncoded, FindsEveryFlippedByte) {
  for (const char* format : kEncodedFormats) {
    const EncodedDataset dataset(format);
    const std::string picture = Hdf5Api(dataset.shard()).encoded(kEncoded)[1];
    const std::string whole = read_file(dataset.shard());
    const size_t begin = whole.find(picture);
    ASSERT_NE(begin, std::string::npos);
    const size_t size = picture.size();
    for (const size_t at : {size_t{0}, size_t{5}, size / 3, size / 2, size - 1}) {
      std::string damaged = whole;
      damaged[begin + at] = static_cast<char>(damaged[begin + at] ^ 0x10);
      write_file_atomically(dataset.shard(), damaged);
      const VerifyReport report = verify_dataset(dataset.path());
      EXPECT_THAT(
          report.problems(),
          ElementsAre(AllOf(HasSubstr("sample '1' copy 0 in the shard 16x24-000000: the encoded picture "
                                      "has the SHA-256 "),
                            HasSubstr(", recorded is "))))
          << format << ", byte " << at << " of " << size;
      EXPECT_EQ(report.content_hash, "");
    }
  }
}

TEST(VerifyEncoded, FindsBytesThatAreNoPicture) {
  for (const char* format : kEncodedFormats) {
    const EncodedDataset dataset(format);
    for (const char* bytes : {"", "hello"}) {
      dataset.replace(bytes);
      EXPECT_THAT(dataset.problems(), ElementsAre(AllOf(StartsWith("sample '1' copy 0: picture 1 of "),
                                                        HasSubstr("is not a readable "))))
          << format;
    }
  }
}

TEST(VerifyEncoded, FindsPicturesOfAnotherSize) {
  for (const char* format : kEncodedFormats) {
    const EncodedDataset dataset(format);
    dataset.replace(dataset.format().encode(picture_of(24, 16, 1)));
    EXPECT_THAT(dataset.problems(),
                ElementsAre(HasSubstr("is a picture of 24x16 where one of 16x24 should be")))
        << format;
  }
}

TEST(VerifyEncoded, FindsOtherPixelsWhereTheFormatKeepsThem) {
  for (const char* format : kEncodedFormats) {
    const EncodedDataset dataset(format);
    dataset.replace(dataset.format().encode(picture_of(16, 24, 99)));
    if (dataset.format().is_lossless()) {
      EXPECT_THAT(dataset.problems(), ElementsAre(HasSubstr(": the pixels have the SHA-256 "))) << format;
    } else {
      EXPECT_THAT(dataset.problems(), IsEmpty()) << "only the hash of the bytes could tell";
    }
  }
}

TEST(VerifyEncoded, FindsWhatContradictsTheFormat) {
  const EncodedDataset dataset("webp");
  DamagedFile(dataset.shard()).set_text_attribute(kEncoded, "media_type", "image/png");
  EXPECT_THAT(dataset.problems(),
              ElementsAre("the shard 16x24-000000 holds pictures as webp, the media type of "
                          "its encoded says 'image/png'"));
  DamagedFile(dataset.shard()).set_text_attribute("/", "image_format", "jxl");
  EXPECT_THAT(
      dataset.problems(),
      ::testing::Contains(HasSubstr("has pictures of the format 'jxl', which this ditmesh does not know")));
}

TEST(VerifyEncoded, FindsAShardOfAnotherFormatThanTheIndex) {
  const EncodedDataset dataset("jpeg:60");
  DamagedFile(dataset.path() / "dataset.h5").set_text_attribute("/", "image_format", "jpeg:90");
  EXPECT_THAT(dataset.problems(),
              ElementsAre("the shard 16x24-000000 holds pictures as jpeg:60, the index says jpeg:90"));
}

TEST(VerifyEncoded, FindsMissingHashes) {
  const EncodedDataset dataset("png");
  DamagedFile(dataset.shard()).remove("/samples/encoded_sha256");
  EXPECT_THAT(dataset.problems(), ElementsAre(HasSubstr("has no column encoded_sha256 in /samples"),
                                              HasSubstr("3 of the 3 rows")));
}

TEST(VerifyEncoded, FindsAMissingBucket) {
  const EncodedDataset dataset("png");
  DamagedFile(dataset.shard()).remove(kEncoded);
  EXPECT_THAT(dataset.problems(),
              ::testing::Contains(AllOf(HasSubstr("16x24-000000"), HasSubstr("encoded"))));
}

}  // namespace
}  // namespace ditmesh
