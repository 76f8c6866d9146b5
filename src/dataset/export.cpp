#include "ditmesh/dataset/export.hpp"

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/png.hpp"

namespace ditmesh {

namespace {

// File systems take 255 bytes; copy number and extension come behind.
constexpr size_t kMaxNameBytes = 200;
constexpr size_t kHashDigits = 16;

void require_new_folder(const std::filesystem::path& to) {
  if (!std::filesystem::exists(to)) return;
  if (!std::filesystem::is_directory(to)) throw ConfigError(cat(to, " is a file"), "give a folder with --to");
  if (!std::filesystem::is_empty(to)) {
    throw ConfigError(cat(to, " is not empty: an export would mix with what is there"),
                      "give a new folder with --to");
  }
}

bool has_copies(const Dataset& dataset) {
  for (const DatasetRow& row : dataset.rows()) {
    if (row.sample.copy > 0) return true;
  }
  return false;
}

OrderedJson metadata_of(const DatasetRow& row, const std::vector<std::string>& further_columns,
                        const std::string& file_name) {
  const Sample& sample = row.sample;
  OrderedJson json;
  json["file_name"] = file_name;
  json["text"] = sample.prompt;
  json["id"] = sample.id;
  json["negative_prompt"] = sample.negative_prompt;
  json["row"] = sample.row;
  json["copy"] = sample.copy;
  json["seed"] = sample.seed;
  json["height"] = sample.height;
  json["width"] = sample.width;
  json["steps"] = sample.steps;
  json["guidance"] = sample.guidance;
  json["true_cfg"] = sample.true_cfg;
  json["sha256"] = row.sha256;
  json["device_seconds"] = row.device_seconds;
  for (size_t i = 0; i < further_columns.size(); ++i) {
    // The name that imagefolder asks for is taken by the file.
    const std::string& name = further_columns[i];
    json[json.contains(name) ? name + "_in_manifest" : name] = sample.further[i];
  }
  return json;
}

}  // namespace

std::string file_name_of_id(const std::string& id) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string name;
  for (const char c : id) {
    const bool is_hidden = name.empty() && c == '.';
    if (kPlain.find(c) != std::string_view::npos && !is_hidden) {
      name += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      name += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  if (name.size() <= kMaxNameBytes) return name;
  return name.substr(0, kMaxNameBytes - kHashDigits - 1) + "~" + sha256_hex(id).substr(0, kHashDigits);
}

ExportResult export_png(const Dataset& dataset, const std::filesystem::path& to,
                        const ExportProgress& progress) {
  require_new_folder(to);
  create_folders(to / "images");
  const bool with_copy = has_copies(dataset);
  ExportResult result;
  std::string metadata;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const DatasetRow& row = dataset.row(i);
    if (row.status != SampleStatus::done) {
      ++result.num_skipped;
      continue;
    }
    const std::string copy = with_copy ? cat("-", row.sample.copy) : std::string{};
    const std::string file_name = cat("images/", file_name_of_id(row.sample.id), copy, ".png");
    write_png(to / file_name, dataset.pixels(i), {{"Title", row.sample.prompt}, {"Software", "ditmesh"}});
    metadata += metadata_of(row, dataset.further_columns(), file_name).dump();
    metadata += '\n';
    ++result.num_written;
    if (progress) progress(result.num_written);
  }
  write_file_atomically(to / "metadata.jsonl", metadata);
  return result;
}

ContactSheet export_contact_sheet(const Dataset& dataset, const std::filesystem::path& to,
                                  const ContactSheetOptions& options) {
  if (std::filesystem::is_directory(to))
    throw ConfigError(cat(to, " is a folder"), "give a file with --to, as sheet.png");
  ContactSheet sheet = make_contact_sheet(dataset, options);
  write_png(to, sheet.image, {{"Software", "ditmesh"}});
  return sheet;
}

}  // namespace ditmesh
