#include "ditmesh/dataset/png.hpp"

#include <png.h>

#include <csetjmp>
#include <cstring>
#include <memory>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// Fast, and on pictures within a few percent of the best.
constexpr int kCompressionLevel = 4;

// libpng is C: its errors must come back by longjmp, past no destructor.
struct Encoder {
  std::string bytes;
  char error[200] = "";
};

void keep_error(png_structp png, png_const_charp message) {
  auto* encoder = static_cast<Encoder*>(png_get_error_ptr(png));
  std::strncpy(encoder->error, message, sizeof(encoder->error) - 1);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

void append(png_structp png, png_bytep data, size_t size) {
  static_cast<Encoder*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(data), size);
}

void flush(png_structp) {}

// Holds only plain pointers between setjmp and longjmp. False: encoder.error says why.
bool encode(const Image& image, std::vector<png_text>& texts, Encoder& encoder) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &encoder, keep_error, ignore_warning);
  if (png == nullptr) return false;
  png_infop info = png_create_info_struct(png);
  if (info == nullptr || setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_write_struct(&png, &info);
    return false;
  }
  png_set_write_fn(png, &encoder, append, flush);
  png_set_compression_level(png, kCompressionLevel);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!texts.empty()) png_set_text(png, info, texts.data(), static_cast<int>(texts.size()));
  png_write_info(png, info);
  for (int32_t y = 0; y < image.height; ++y) png_write_row(png, image.at(y, 0));
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return true;
}

}  // namespace

std::string encode_png(const Image& image, const std::vector<PngText>& texts) {
  std::vector<png_text> chunks;
  std::string language;  // libpng wants pointers that it does not change
  for (const PngText& text : texts) {
    png_text chunk{};
    chunk.compression = PNG_ITXT_COMPRESSION_NONE;
    chunk.key = const_cast<char*>(text.first.c_str());
    chunk.text = const_cast<char*>(text.second.c_str());
    chunk.itxt_length = text.second.size();
    chunk.lang = language.data();
    chunk.lang_key = language.data();
    chunks.push_back(chunk);
  }
  Encoder encoder;
  if (!encode(image, chunks, encoder)) {
    throw InternalError(
        cat("libpng cannot encode a picture of ", image.height, "x", image.width, ": ", encoder.error));
  }
  return std::move(encoder.bytes);
}

void write_png(const std::filesystem::path& path, const Image& image, const std::vector<PngText>& texts) {
  write_file_atomically(path, encode_png(image, texts));
}

Image decode_png(const std::string& bytes, const std::string& name, std::optional<ImageSize> size) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> owner(&png, png_image_free);
  const auto check = [&](int ok) {
    if (ok != 0) return;
    throw ConfigError(cat(name, " is not a readable PNG: ", png.message), "write it again");
  };
  check(png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()));
  png.format = PNG_FORMAT_RGB;
  const ImageSize found = {static_cast<int32_t>(png.height), static_cast<int32_t>(png.width)};
  check_image_size(found, size, name);
  Image image(found.height, found.width);
  const png_color white = {255, 255, 255};
  check(png_image_finish_read(&png, &white, image.pixels.data(), 0, nullptr));
  return image;
}

}  // namespace ditmesh
