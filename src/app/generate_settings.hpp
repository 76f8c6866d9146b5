#pragma once
// What all ranks of `generate` know of the job: rank 0 tells them. The plan and the samples' state stay
// with rank 0; samples are looked up in the file that it wrote.

#include <filesystem>
#include <string>

#include "ditmesh/dataset/image_format.hpp"
#include "ditmesh/dataset/part.hpp"
#include "ditmesh/model/flux_description.hpp"
#include "options.hpp"
#include "picture_maker.hpp"

namespace ditmesh {

struct GenerateSettings {
  Options options;
  std::filesystem::path model_folder;
  std::filesystem::path samples;  // a SampleStore
  int64_t attempt = 0;
  int64_t max_sequence_length = 0;
  bool has_work = true;  // there are samples to make

  std::filesystem::path output() const { return options.text("output"); }
  ImageFormat image_format() const { return ImageFormat::parse(options.text("image-format")); }
  Part part() const { return options.has("part") ? Part::parse(options.text("part")) : Part(); }
  PictureSettings pictures() const;

  std::string to_text() const;
  static GenerateSettings from_text(const std::string& text);
};

}  // namespace ditmesh
