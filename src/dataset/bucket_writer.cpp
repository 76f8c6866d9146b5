#include "bucket_writer.hpp"

#include <limits>
#include <utility>

#include "column.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"
#include "sample_table.hpp"

namespace ditmesh {

namespace {

void write_row(hid_t dataset, int64_t position, hid_t type, const void* values) {
  const Hdf5Handle to = select_rows(dataset, static_cast<hsize_t>(position), 1);
  auto shape = shape_of(dataset);
  shape[0] = 1;
  const Hdf5Handle from = simple_space(shape);
  check_hdf5(H5Dwrite(dataset, type, from.get(), to.get(), H5P_DEFAULT, values),
             cat("write sample ", position));
}

}  // namespace

BucketWriter::BucketWriter(hid_t file, Bucket bucket, size_t size, const ImageFormat& format)
    : size_(size),
      bucket_(std::move(bucket)),
      group_(create_group(file, bucket_.name())),
      pictures_(format.is_raw() ? create("images", H5T_STD_U8LE,
                                         {size_, static_cast<hsize_t>(bucket_.height),
                                          static_cast<hsize_t>(bucket_.width), 3},
                                         nullptr)
                                : create_encoded()) {
  write_attribute(group_.get(), "height", int64_t{bucket_.height});
  write_attribute(group_.get(), "width", int64_t{bucket_.width});
  if (format.is_raw()) {
    describe(pictures_.get(), "sample, height, width, channel (red, green, blue)", "sRGB, 0 to 255");
  } else {
    describe(pictures_.get(), "sample", "bytes of a picture file, none where there is no picture");
    write_attribute(pictures_.get(), "media_type", std::string(format.media_type()));
  }
}

void BucketWriter::check_size(const Image& image) const {
  if (image.height == bucket_.height && image.width == bucket_.width) return;
  throw EnvironmentError(
      cat("a picture of the bucket ", bucket_.name(), " has ", image.height, "x", image.width, " pixels"),
      "its journal belongs to another job: choose another --output");
}

void BucketWriter::write_image(int64_t position, const Image& image) {
  check_size(image);
  write_row(pictures_.get(), position, H5T_NATIVE_UINT8, image.pixels.data());
}

void BucketWriter::write_encoded(int64_t position, const std::string& bytes) {
  write_bytes(pictures_.get(), static_cast<hsize_t>(position), bytes);
}

void BucketWriter::write_latents(int64_t position, const Latents& latents) {
  const std::array<int32_t, 3> shape = {latents.channels, latents.height, latents.width};
  if (!latents_) {
    latents_shape_ = shape;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    latents_.emplace(create("latents", H5T_IEEE_F32LE,
                            {size_, static_cast<hsize_t>(shape[0]), static_cast<hsize_t>(shape[1]),
                             static_cast<hsize_t>(shape[2])},
                            &nan));
    describe(latents_->get(), "sample, channel, height, width",
             "latents of the model, NaN where there are none");
  }
  if (shape != latents_shape_) {
    throw EnvironmentError(
        cat("latents of ", join(shape, "x"), " stand beside others of ", join(latents_shape_, "x")),
        "the journal belongs to another job: choose another --output");
  }
  write_row(latents_->get(), position, H5T_NATIVE_FLOAT, latents.values.data());
}

void BucketWriter::write_rows(const std::vector<int64_t>& rows) {
  Column::of_ints(rows).write(group_.get(), "row", column_units("row"));
}

// One row a chunk: whoever wants one picture reads and unpacks one.
Hdf5Handle BucketWriter::create(const std::string& name, hid_t type, std::vector<hsize_t> shape,
                                const float* fill) const {
  const std::string doing = cat("create ", name);
  const Hdf5Handle space = simple_space(shape);
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, doing);
  shape[0] = 1;
  check_hdf5(H5Pset_chunk(creation.get(), static_cast<int>(shape.size()), shape.data()), doing);
  check_hdf5(H5Pset_deflate(creation.get(), 1), doing);
  forget_times(creation);
  if (fill != nullptr) check_hdf5(H5Pset_fill_value(creation.get(), H5T_NATIVE_FLOAT, fill), doing);
  return {H5Dcreate2(group_.get(), name.c_str(), type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
          H5Dclose, doing};
}

// Without chunks: 16 bytes a row say where its bytes are, and HDF5 filters no such bytes.
Hdf5Handle BucketWriter::create_encoded() const {
  const Hdf5Handle type = bytes_type();
  const Hdf5Handle space = simple_space({size_});
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "create encoded");
  forget_times(creation);
  return {
      H5Dcreate2(group_.get(), "encoded", type.get(), space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
      H5Dclose, "create encoded"};
}

}  // namespace ditmesh
