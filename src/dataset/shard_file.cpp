#include "shard_file.hpp"

#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/shard.hpp"

namespace ditmesh {

std::filesystem::path shard_path(const std::filesystem::path& output, const std::string& name) {
  return output / "shards" / cat(name, ".h5");
}

void check_format_version(hid_t file, const std::filesystem::path& path, int64_t known) {
  if (!has_attribute(file, "format_version")) {
    throw EnvironmentError(
        cat(path, " is not a file of a ditmesh dataset: it has no attribute format_version"),
        "check the path");
  }
  const int64_t version = read_int_attribute(file, "format_version");
  if (version != known) {
    throw EnvironmentError(cat(path, " has format version ", version, ", this ditmesh reads version ", known),
                           "use the version of ditmesh that wrote it");
  }
}

ImageFormat read_image_format(hid_t file, const std::filesystem::path& path) {
  if (!has_attribute(file, kImageFormat)) return {};
  const std::string text = read_text_attribute(file, kImageFormat);
  try {
    return ImageFormat::parse(text);
  } catch (const ConfigError&) {
    throw EnvironmentError(
        cat(path, " has pictures of the format '", text, "', which this ditmesh does not know"),
        "use the version of ditmesh that wrote it");
  }
}

void check_columns(hid_t samples, const ImageFormat& format, const std::filesystem::path& path) {
  for (const char* name : {"id", "prompt", "row", "copy", "seed", "status", "sha256", "encoded_sha256",
                           "bucket", "index_in_bucket", "shard", "index_in_shard"}) {
    if (has_link(samples, name) || (format.is_raw() && name == std::string_view("encoded_sha256"))) continue;
    throw EnvironmentError(cat(path, " has no column ", name, " in /samples"),
                           "copy it again, or remove it and make its samples again");
  }
}

namespace {

// Of its first sample.
std::string bucket_of(hid_t file, const std::filesystem::path& path) {
  check_format_version(file, path);
  const Hdf5Handle samples = open_group(file, "samples");
  check_columns(samples.get(), read_image_format(file, path), path);
  return Column::read_rows(samples.get(), "bucket", 0, 1).texts().front();
}

}  // namespace

ShardFile::ShardFile(const std::filesystem::path& output, const std::string& name, const std::string& bucket)
    : name_(name),
      path_(shard_path(output, name)),
      file_(open_hdf5_file(path_)),
      format_(read_image_format(file_.get(), path_)),
      bucket_(open_group(file_.get(), bucket)) {
  check_format_version(file_.get(), path_);
}

ShardFile::ShardFile(const std::filesystem::path& output, const std::string& name)
    : name_(name),
      path_(shard_path(output, name)),
      file_(open_hdf5_file(path_)),
      format_(read_image_format(file_.get(), path_)),
      bucket_(open_group(file_.get(), bucket_of(file_.get(), path_))) {}

bool ShardFile::has_latents() const { return has_link(bucket_.get(), "latents"); }

Image ShardFile::read_image(int64_t position) const {
  if (!format_.is_raw()) return decode(read_encoded(position), position);
  const Hdf5Handle images = open_dataset(bucket_.get(), "images");
  const auto shape = shape_of(images.get());
  Image image(static_cast<int32_t>(shape.at(1)), static_cast<int32_t>(shape.at(2)));
  const Hdf5Handle from = select_rows(images.get(), static_cast<hsize_t>(position), 1);
  const Hdf5Handle to = simple_space({1, shape[1], shape[2], 3});
  check_hdf5(H5Dread(images.get(), H5T_NATIVE_UINT8, to.get(), from.get(), H5P_DEFAULT, image.pixels.data()),
             cat("read picture ", position, " of ", path_));
  return image;
}

std::string ShardFile::read_encoded(int64_t position) const {
  return read_bytes(open_dataset(bucket_.get(), "encoded").get(), static_cast<hsize_t>(position));
}

Image ShardFile::decode(const std::string& encoded, int64_t position) const {
  const ImageSize size = {static_cast<int32_t>(read_int_attribute(bucket_.get(), "height")),
                          static_cast<int32_t>(read_int_attribute(bucket_.get(), "width"))};
  try {
    return format_.decode(encoded, cat("picture ", position, " of ", path_), size);
  } catch (const ConfigError& error) {
    throw EnvironmentError(error.what());
  }
}

std::string ShardFile::media_type() const {
  return read_text_attribute(open_dataset(bucket_.get(), "encoded").get(), "media_type");
}

Latents ShardFile::read_latents(int64_t position) const {
  const Hdf5Handle dataset = open_dataset(bucket_.get(), "latents");
  const auto shape = shape_of(dataset.get());
  Latents latents;
  latents.channels = static_cast<int32_t>(shape.at(1));
  latents.height = static_cast<int32_t>(shape.at(2));
  latents.width = static_cast<int32_t>(shape.at(3));
  latents.values.resize(shape[1] * shape[2] * shape[3]);
  const Hdf5Handle from = select_rows(dataset.get(), static_cast<hsize_t>(position), 1);
  const Hdf5Handle to = simple_space({1, shape[1], shape[2], shape[3]});
  check_hdf5(
      H5Dread(dataset.get(), H5T_NATIVE_FLOAT, to.get(), from.get(), H5P_DEFAULT, latents.values.data()),
      cat("read latents ", position, " of ", path_));
  return latents;
}

}  // namespace ditmesh
