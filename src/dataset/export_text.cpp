#include "ditmesh/dataset/export_text.hpp"

#include <array>

#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// File systems take 255 bytes; copy number and extension come behind.
constexpr size_t kMaxNameBytes = 200;
constexpr size_t kHashDigits = 16;

std::string percent_encoded(const std::string& id, bool keeps_dots) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string name;
  for (const char c : id) {
    const bool is_plain = c == '.' ? keeps_dots && !name.empty() : kPlain.find(c) != std::string_view::npos;
    if (is_plain) {
      name += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      name += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
  }
  if (name.size() <= kMaxNameBytes) return name;
  return cat(name.substr(0, kMaxNameBytes - kHashDigits - 1), "~", sha256_hex(id).substr(0, kHashDigits));
}

}  // namespace

std::string file_name_of_id(const std::string& id) { return percent_encoded(id, true); }
std::string key_of_id(const std::string& id) { return percent_encoded(id, false); }

OrderedJson metadata_of(const DatasetRow& row, const std::vector<std::string>& further_columns,
                        const std::string& file_name) {
  const Sample& sample = row.sample;
  OrderedJson json;
  if (!file_name.empty()) json["file_name"] = file_name;
  json["text"] = sample.prompt;
  json["id"] = sample.id;
  json["negative_prompt"] = sample.negative_prompt;
  json["row"] = sample.row;
  json["copy"] = sample.copy;
  json["seed"] = sample.seed;
  if (sample.seed_in_manifest) json["seed_in_manifest"] = *sample.seed_in_manifest;
  json["height"] = sample.height;
  json["width"] = sample.width;
  json["steps"] = sample.steps;
  json["guidance"] = sample.guidance;
  json["true_cfg"] = sample.true_cfg;
  json["sha256"] = row.sha256;
  json["device_seconds"] = row.device_seconds;
  for (size_t i = 0; i < further_columns.size(); ++i) {
    const std::string& name = further_columns[i];
    // `file_name` is taken in every format, so that the column has one name in all of them.
    json[name == "file_name" || json.contains(name) ? name + "_in_manifest" : name] = sample.further[i];
  }
  return json;
}

std::string json_line(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string parameters_of(const Sample& sample) {
  std::string text = sample.prompt;
  if (!sample.negative_prompt.empty()) text += cat("\nNegative prompt: ", sample.negative_prompt);
  return cat(text, "\nSteps: ", sample.steps, ", CFG scale: ", sample.true_cfg,
             ", Distilled CFG Scale: ", sample.guidance, ", Seed: ", sample.seed, ", Size: ", sample.width,
             "x", sample.height);
}

}  // namespace ditmesh
