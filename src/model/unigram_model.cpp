#include "unigram_model.hpp"

#include <cstring>
#include <string_view>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

namespace fs = std::filesystem;

// One field of a protocol-buffer message. Source: the protobuf wire format.
struct Field {
  uint64_t number = 0;
  uint64_t value = 0;      // of integers and floats
  std::string_view bytes;  // of strings and messages
};

class ProtobufReader {
 public:
  ProtobufReader(std::string_view bytes, const fs::path& path) : bytes_(bytes), path_(path) {}

  // False at the end of the message.
  bool next(Field& field) {
    if (bytes_.empty()) return false;
    const uint64_t key = varint();
    field = {key >> 3, 0, {}};
    switch (key & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        std::memcpy(&field.value, take(8).data(), 8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        std::memcpy(&field.value, take(4).data(), 4);
        break;
      default:
        fail();
    }
    return true;
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    fail();
  }

  std::string_view take(uint64_t size) {
    if (size > bytes_.size()) fail();
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  [[noreturn]] void fail() const {
    throw ConfigError(cat(path_.string(), " is not a sentencepiece model, or cut short"),
                      "fetch the model again");
  }

  std::string_view bytes_;
  const fs::path& path_;
};

float as_float(uint64_t bits) {
  const auto low = static_cast<uint32_t>(bits);
  float value = 0;
  std::memcpy(&value, &low, sizeof value);
  return value;
}

// Numbers of sentencepiece_model.proto.
constexpr uint64_t kPieces = 1;
constexpr uint64_t kTrainerSpec = 2;
constexpr uint64_t kNormalizerSpec = 3;
constexpr uint64_t kTypeUnknown = 2;
constexpr uint64_t kTypeControl = 3;
constexpr uint64_t kTypeUserDefined = 4;
constexpr uint64_t kUnigram = 1;

UnigramPiece read_piece(ProtobufReader reader, bool& unknown) {
  UnigramPiece piece;
  for (Field field; reader.next(field);) {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) piece.score = as_float(field.value);
    if (field.number == 3) {
      piece.special = field.value == kTypeControl || field.value == kTypeUserDefined;
      unknown = field.value == kTypeUnknown;
    }
  }
  return piece;
}

}  // namespace

UnigramModel read_spiece_model(const fs::path& path) {
  const std::string content = read_file(path);
  UnigramModel model;
  ProtobufReader reader(content, path);
  for (Field field; reader.next(field);) {
    if (field.number == kPieces) {
      bool unknown = false;
      model.pieces.push_back(read_piece(ProtobufReader(field.bytes, path), unknown));
      if (unknown) model.unknown_id = static_cast<int64_t>(model.pieces.size()) - 1;
    } else if (field.number == kTrainerSpec) {
      ProtobufReader trainer(field.bytes, path);
      for (Field part; trainer.next(part);) {
        if (part.number == 3 && part.value != kUnigram) {
          throw ConfigError(
              cat(path.string(), " has sentencepiece model type ", part.value, ", T5's is 1 (Unigram)"));
        }
      }
    } else if (field.number == kNormalizerSpec) {
      ProtobufReader normalizer(field.bytes, path);
      for (Field part; normalizer.next(part);) {
        if (part.number == 2) model.charsmap = part.bytes;
      }
    }
  }
  if (model.pieces.empty()) throw ConfigError(cat(path.string(), " has no pieces"), "fetch the model again");
  return model;
}

UnigramModel read_unigram_json(const fs::path& path) {
  const JsonObject file = JsonObject::read(path);
  const JsonObject model(file.at("model"), path.string() + ": model");
  if (model.get_or<std::string>("type", "Unigram") != "Unigram") {
    throw ConfigError(
        cat(path.string(), ": model.type must be Unigram, found ", model.get<std::string>("type")));
  }
  UnigramModel unigram;
  unigram.unknown_id = model.get_or<int64_t>("unk_id", unigram.unknown_id);
  for (const Json& piece : model.at("vocab")) {
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number()) {
      throw ConfigError(
          cat(path.string(), ": model.vocab has the entry ", piece.dump(), ", [text, score] is needed"));
    }
    unigram.pieces.push_back({piece[0].get<std::string>(), piece[1].get<double>()});
  }
  if (file.has("normalizer")) {
    const Json& normalizer = file.at("normalizer");
    const Json alone = Json::array({normalizer});
    for (const Json& step : normalizer.contains("normalizers") ? normalizer["normalizers"] : alone) {
      if (step.value("type", "") == "Precompiled" && step.contains("precompiled_charsmap") &&
          step["precompiled_charsmap"].is_string()) {
        unigram.charsmap = base64_decode(step["precompiled_charsmap"].get<std::string>(),
                                         path.string() + ": precompiled_charsmap");
        break;
      }
    }
  }
  return unigram;
}

}  // namespace ditmesh
