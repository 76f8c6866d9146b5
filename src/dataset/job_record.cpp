#include "ditmesh/dataset/job_record.hpp"

#include <utility>

#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/shard.hpp"

namespace ditmesh {

namespace {

constexpr std::string_view kExtension = ".json";

JsonObject object_at(const JsonObject& parent, const std::string& key) {
  return {parent.at(key), cat(parent.name(), ": field '", key, "'")};
}

// The same fields in the order of the file, which JsonObject does not keep.
OrderedJson ordered_object(const JsonObject& checked, const OrderedJson& ordered, const std::string& key) {
  static_cast<void>(object_at(checked, key));
  return ordered.at(key);
}

void check_version(const JsonObject& json) {
  const auto version = json.get<int64_t>("format_version");
  if (version == kFormatVersion) return;
  throw ConfigError(
      cat(json.name(), " has format version ", version, ", this ditmesh reads version ", kFormatVersion),
      "use the version of ditmesh that wrote it");
}

Part part_of(const JsonObject& json) {
  const JsonObject part = object_at(json, "part");
  const Part read = {part.get<int64_t>("index"), part.dimension("count")};
  if (read.index < 0 || read.index >= read.count) {
    throw ConfigError(cat(json.name(), ": part ", read.index, "/", read.count, " does not exist"));
  }
  return read;
}

std::vector<RecordedShard> shards_of(const JsonObject& json, const OrderedJson& ordered) {
  const OrderedJson object = ordered_object(json, ordered, "shards");
  const JsonObject sizes = object_at(json, "shards");
  std::vector<RecordedShard> shards;
  for (const auto& [name, size] : object.items()) shards.push_back({name, sizes.dimension(name)});
  return shards;
}

OrderedJson attempts_of(const JsonObject& json, const OrderedJson& ordered) {
  for (const Json& attempt : json.get<std::vector<Json>>("attempts")) {
    static_cast<void>(JsonObject(attempt, cat(json.name(), ": attempts")).get<int64_t>("number"));
  }
  return ordered.at("attempts");
}

}  // namespace

OrderedJson JobRecord::to_json() const {
  OrderedJson sizes = OrderedJson::object();
  for (const RecordedShard& shard : shards) sizes[shard.name] = shard.num_samples;
  OrderedJson json = {{"format_version", kFormatVersion},
                      {"part", {{"index", part.index}, {"count", part.count}}},
                      {"settings", settings},
                      {"model", {{"name", model_name}, {"hash", model_hash}}},
                      {"manifest",
                       {{"name", manifest_name},
                        {"sha256", manifest_sha256},
                        {"rows_sha256", manifest_rows_sha256},
                        {"num_rows", manifest_num_rows}}},
                      {"num_samples", num_samples},
                      {"shard_size", shard_size},
                      {"extended_at", extended_at},
                      {"sampling", sampling},
                      {"save_latents", save_latents},
                      {"image_format", image_format},
                      {"mesh", mesh},
                      {"numerics", numerics},
                      {"versions", versions},
                      {"attempts", attempts}};
  if (!content_hash.empty()) json["content_hash"] = content_hash;
  json["shards"] = sizes;  // last: there may be thousands
  return json;
}

JobRecord JobRecord::from_text(const std::string& text, const std::string& name) {
  const JsonObject json(parse_json(text, name), name);
  const OrderedJson ordered = OrderedJson::parse(text);
  check_version(json);
  JobRecord record;
  record.part = part_of(json);
  record.settings = ordered_object(json, ordered, "settings");
  const JsonObject model = object_at(json, "model");
  record.model_name = model.get<std::string>("name");
  record.model_hash = model.get<std::string>("hash");
  const JsonObject manifest = object_at(json, "manifest");
  record.manifest_name = manifest.get<std::string>("name");
  record.manifest_sha256 = manifest.get<std::string>("sha256");
  record.manifest_rows_sha256 = manifest.get<std::string>("rows_sha256");
  record.manifest_num_rows = manifest.get<int64_t>("num_rows");
  record.num_samples = json.get<int64_t>("num_samples");
  record.shard_size = json.get<int64_t>("shard_size");
  record.shards = shards_of(json, ordered);
  record.extended_at = json.get<std::vector<int64_t>>("extended_at");
  record.sampling = ordered_object(json, ordered, "sampling");
  record.save_latents = json.get<bool>("save_latents");
  record.image_format = json.get<std::string>("image_format");
  record.mesh = json.get<std::string>("mesh");
  record.numerics = ordered_object(json, ordered, "numerics");
  record.versions = ordered_object(json, ordered, "versions");
  record.attempts = attempts_of(json, ordered);
  record.content_hash = json.get_or<std::string>("content_hash", {});
  return record;
}

std::optional<JobRecord> JobRecord::read(const std::filesystem::path& output, const Part& part) {
  const std::filesystem::path path = output / part.file_name(kExtension);
  if (!std::filesystem::exists(path)) return std::nullopt;
  return from_text(read_file(path), path.string());
}

void JobRecord::write(const std::filesystem::path& output) const {
  // Paths need not be UTF-8; a record that shows them with a mark is better than none.
  const std::string text = to_json().dump(2, ' ', false, OrderedJson::error_handler_t::replace);
  write_file_atomically(output / part.file_name(kExtension), cat(text, "\n"));
}

int64_t JobRecord::next_attempt() const {
  return attempts.empty() ? 1 : attempts.back().at("number").get<int64_t>() + 1;
}

void JobRecord::set_attempt(const OrderedJson& attempt) {
  for (OrderedJson& known : attempts) {
    if (known.at("number") == attempt.at("number")) {
      known = attempt;
      return;
    }
  }
  attempts.push_back(attempt);
}

std::vector<JobRecord> read_job_records(const std::filesystem::path& output) {
  std::vector<JobRecord> records;
  for (const Part& part : parts_with_file(output, kExtension)) {
    if (auto record = JobRecord::read(output, part)) records.push_back(std::move(*record));
  }
  return records;
}

}  // namespace ditmesh
