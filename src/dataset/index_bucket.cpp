#include "index_bucket.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "column.hpp"
#include "ditmesh/base/text.hpp"
#include "sample_table.hpp"
#include "shard_file.hpp"

namespace ditmesh {

namespace {

// What a virtual dataset copies from the datasets that it stands for.
struct Pattern {
  Hdf5Handle type;
  std::vector<hsize_t> shape;  // [0] is the shard's
  std::string axes;
  std::string units;
  std::string media_type;  // of encoded pictures
};

std::optional<Pattern> find_pattern(const std::filesystem::path& output, const IndexedBucket& bucket,
                                    const std::string& name) {
  for (const IndexedShard& shard : bucket.shards) {
    const Hdf5Handle file = open_hdf5_file(shard_path(output, shard.name));
    const Hdf5Handle group = open_group(file.get(), bucket.name);
    if (!has_link(group.get(), name)) continue;
    const Hdf5Handle dataset = open_dataset(group.get(), name);
    return Pattern{
        Hdf5Handle(H5Dget_type(dataset.get()), H5Tclose, "read a type"), shape_of(dataset.get()),
        read_text_attribute(dataset.get(), "axes"), read_text_attribute(dataset.get(), "units"),
        has_attribute(dataset.get(), "media_type") ? read_text_attribute(dataset.get(), "media_type") : ""};
  }
  return std::nullopt;
}

// Example: shards of 1000, 1000 and 5 rows → one dataset of 2005 rows.
void write_virtual(hid_t group, const IndexedBucket& bucket, const std::string& name, Pattern pattern) {
  const std::string doing = cat("create the virtual dataset ", bucket.name, "/", name);
  pattern.shape[0] = bucket.rows.size();
  const Hdf5Handle space = simple_space(pattern.shape);
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, doing);
  if (H5Tget_class(pattern.type.get()) == H5T_FLOAT) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    check_hdf5(H5Pset_fill_value(creation.get(), H5T_NATIVE_FLOAT, &nan), doing);
  }
  for (const IndexedShard& shard : bucket.shards) {
    std::vector<hsize_t> start(pattern.shape.size(), 0);
    std::vector<hsize_t> count = pattern.shape;
    start[0] = static_cast<hsize_t>(shard.begin);
    count[0] = static_cast<hsize_t>(shard.size);
    check_hdf5(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
               doing);
    const Hdf5Handle source = simple_space(count);
    check_hdf5(H5Pset_virtual(creation.get(), space.get(), cat("shards/", shard.name, ".h5").c_str(),
                              cat("/", bucket.name, "/", name).c_str(), source.get()),
               doing);
  }
  const Hdf5Handle dataset(H5Dcreate2(group, name.c_str(), pattern.type.get(), space.get(), H5P_DEFAULT,
                                      creation.get(), H5P_DEFAULT),
                           H5Dclose, doing);
  describe(dataset.get(), pattern.axes, pattern.units);
  if (!pattern.media_type.empty()) write_attribute(dataset.get(), "media_type", pattern.media_type);
}

}  // namespace

void write_links(hid_t file, const std::vector<ScannedShard>& shards) {
  const Hdf5Handle group = create_group(file, "by_shard");
  for (const ScannedShard& shard : shards) {
    check_hdf5(H5Lcreate_external(cat("shards/", shard.name, ".h5").c_str(), "/", group.get(),
                                  shard.name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
               cat("link to the shard ", shard.name));
  }
}

void write_bucket(hid_t file, const std::filesystem::path& output, const IndexedBucket& bucket,
                  const ImageFormat& format, int64_t max_virtual_shards) {
  const Hdf5Handle group = create_group(file, bucket.name);
  const auto sides = split(bucket.name, 'x');
  write_attribute(group.get(), "height", parse_int(sides.front()).value_or(0));
  write_attribute(group.get(), "width", parse_int(sides.back()).value_or(0));
  const auto num_shards = static_cast<int64_t>(bucket.shards.size());
  write_attribute(group.get(), "num_shards", num_shards);
  const std::string pictures = format.is_raw() ? "images" : "encoded";
  write_attribute(
      group.get(), "pixels_are_in",
      cat("/by_shard/SHARD/", bucket.name, "/", pictures, "[INDEX], with SHARD and INDEX of a sample in ",
          "/samples/shard and /samples/index_in_shard"));
  Column::of_ints(bucket.rows).write(group.get(), "row", column_units("row"));
  const bool is_whole = std::find(bucket.rows.begin(), bucket.rows.end(), -1) == bucket.rows.end();
  if (num_shards > max_virtual_shards || !is_whole) return;
  for (const std::string& name : {pictures, std::string("latents")}) {
    if (auto pattern = find_pattern(output, bucket, name)) {
      write_virtual(group.get(), bucket, name, std::move(*pattern));
    }
  }
}

void write_hdf5_image(hid_t file, const std::string& name, const Image& image) {
  const std::string doing = cat("write the picture ", name);
  const std::vector<hsize_t> shape = {static_cast<hsize_t>(image.height), static_cast<hsize_t>(image.width),
                                      3};
  const Hdf5Handle space = simple_space(shape);
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, doing);
  check_hdf5(H5Pset_chunk(creation.get(), 3, shape.data()), doing);
  check_hdf5(H5Pset_deflate(creation.get(), 6), doing);
  forget_times(creation);
  const Hdf5Handle dataset(
      H5Dcreate2(file, name.c_str(), H5T_STD_U8LE, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
      H5Dclose, doing);
  check_hdf5(H5Dwrite(dataset.get(), H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, image.pixels.data()),
             doing);
  describe(dataset.get(), "height, width, channel (red, green, blue)", "sRGB, 0 to 255");
  write_ascii_attribute(dataset.get(), "CLASS", "IMAGE");
  write_ascii_attribute(dataset.get(), "IMAGE_VERSION", "1.2");
  write_ascii_attribute(dataset.get(), "IMAGE_SUBCLASS", "IMAGE_TRUECOLOR");
  write_ascii_attribute(dataset.get(), "INTERLACE_MODE", "INTERLACE_PIXEL");
}

}  // namespace ditmesh
