#include "ditmesh/dataset/jpeg.hpp"

// It needs FILE and size_t, and does not say so.
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>

#include <csetjmp>
#include <cstdlib>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// libjpeg is C: its errors must come back by longjmp, past no destructor.
struct ErrorKeeper {
  jpeg_error_mgr manager{};  // first: libjpeg knows no more of it
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void keep_error(j_common_ptr codec) {
  auto* keeper = reinterpret_cast<ErrorKeeper*>(codec->err);
  codec->err->format_message(codec, keeper->message);
  std::longjmp(keeper->back, 1);
}

// libjpeg goes on after a warning with grey for what it cannot read; a picture of ours has nothing to warn
// of.
void take_as_error(j_common_ptr codec, int level) {
  if (level < 0) keep_error(codec);
}

jpeg_error_mgr* set_up(ErrorKeeper& keeper) {
  jpeg_error_mgr* manager = jpeg_std_error(&keeper.manager);
  manager->error_exit = keep_error;
  manager->emit_message = take_as_error;
  return manager;
}

// malloc'ed by libjpeg, also in part when it fails.
struct Encoded {
  unsigned char* bytes = nullptr;
  unsigned long size = 0;

  Encoded() = default;
  ~Encoded() { std::free(bytes); }
  Encoded(const Encoded&) = delete;
  Encoded& operator=(const Encoded&) = delete;
};

// Holds only plain values between setjmp and longjmp. False: keeper.message says why.
bool encode(const Image& image, int quality, Encoded& to, ErrorKeeper& keeper) {
  jpeg_compress_struct codec{};
  codec.err = set_up(keeper);
  if (setjmp(keeper.back) != 0) {
    jpeg_destroy_compress(&codec);
    return false;
  }
  jpeg_create_compress(&codec);
  jpeg_mem_dest(&codec, &to.bytes, &to.size);
  codec.image_width = static_cast<JDIMENSION>(image.width);
  codec.image_height = static_cast<JDIMENSION>(image.height);
  codec.input_components = 3;
  codec.in_color_space = JCS_RGB;
  jpeg_set_defaults(&codec);
  jpeg_set_quality(&codec, quality, TRUE);
  for (int component = 0; component < 3; ++component) {
    codec.comp_info[component].h_samp_factor = codec.comp_info[component].v_samp_factor = 1;
  }
  codec.dct_method = JDCT_ISLOW;  // the same bits on every machine
  codec.optimize_coding = TRUE;   // smaller, for a second pass over the coefficients
  jpeg_start_compress(&codec, TRUE);
  while (codec.next_scanline < codec.image_height) {
    auto* row = const_cast<JSAMPROW>(image.at(static_cast<int32_t>(codec.next_scanline), 0));
    jpeg_write_scanlines(&codec, &row, 1);
  }
  jpeg_finish_compress(&codec);
  jpeg_destroy_compress(&codec);
  return true;
}

// The decoder in two halves: what must be known of the picture before memory is taken for it, and its pixels.
class Decoder {
 public:
  explicit Decoder(const std::string& bytes) {
    codec_.err = set_up(keeper_);
    if (setjmp(keeper_.back) != 0) return;
    jpeg_create_decompress(&codec_);
    jpeg_mem_src(&codec_, reinterpret_cast<const unsigned char*>(bytes.data()),
                 static_cast<unsigned long>(bytes.size()));
    jpeg_read_header(&codec_, TRUE);
  }
  ~Decoder() { jpeg_destroy_decompress(&codec_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Empty: all is well so far.
  const char* error() const { return keeper_.message; }
  ImageSize size() const {
    return {static_cast<int32_t>(codec_.image_height), static_cast<int32_t>(codec_.image_width)};
  }

  // Holds only plain values between setjmp and longjmp.
  void read(Image& image) {
    if (setjmp(keeper_.back) != 0) return;
    codec_.out_color_space = JCS_RGB;
    codec_.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&codec_);
    while (codec_.output_scanline < codec_.output_height) {
      auto* row = image.at(static_cast<int32_t>(codec_.output_scanline), 0);
      jpeg_read_scanlines(&codec_, &row, 1);
    }
    jpeg_finish_decompress(&codec_);
  }

 private:
  ErrorKeeper keeper_;
  jpeg_decompress_struct codec_{};
};

}  // namespace

std::string encode_jpeg(const Image& image, int quality) {
  ErrorKeeper keeper;
  Encoded encoded;
  if (!encode(image, quality, encoded, keeper)) {
    throw InternalError(
        cat("libjpeg cannot encode a picture of ", image.height, "x", image.width, ": ", keeper.message));
  }
  return {reinterpret_cast<const char*>(encoded.bytes), encoded.size};
}

Image decode_jpeg(const std::string& bytes, const std::string& name, std::optional<ImageSize> size) {
  Decoder decoder(bytes);
  const auto check = [&] {
    if (decoder.error()[0] == '\0') return;
    throw ConfigError(cat(name, " is not a readable JPEG: ", decoder.error()), "write it again");
  };
  check();
  check_image_size(decoder.size(), size, name);
  Image image(decoder.size().height, decoder.size().width);
  decoder.read(image);
  check();
  return image;
}

}  // namespace ditmesh
