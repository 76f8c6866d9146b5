// What two attempts at one job do not agree on, and what to do about it.

#include <algorithm>

#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/job_record.hpp"

namespace ditmesh {

namespace {

// true_cfg → --true-cfg; what is no option of its own is named as it is.
std::string setting_name(const std::string& key) {
  if (key == "device") return "the device";
  if (key == "inner_mesh") return "the inner mesh (--mesh without data)";
  std::string option = cat("--", key);
  std::replace(option.begin(), option.end(), '_', '-');
  return option;
}

std::string value_text(const OrderedJson& value) {
  if (value.is_null()) return "not given";
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  return text.empty() ? "empty" : text;
}

void add_difference(std::vector<std::string>& differences, const std::string& what, const OrderedJson& before,
                    const OrderedJson& now) {
  if (before == now) return;
  differences.push_back(cat(what, " was ", value_text(before), ", is ", value_text(now), " now"));
}

OrderedJson value_or_null(const OrderedJson& object, const std::string& key) {
  return object.is_object() && object.contains(key) ? object.at(key) : OrderedJson();
}

void add_differences(std::vector<std::string>& differences, const OrderedJson& before,
                     const OrderedJson& now) {
  for (const auto& [key, value] : before.items()) {
    add_difference(differences, setting_name(key), value, value_or_null(now, key));
  }
  for (const auto& [key, value] : now.items()) {
    if (!before.contains(key)) add_difference(differences, setting_name(key), nullptr, value);
  }
}

// 0 stands for the default.
OrderedJson given_or_null(int64_t number) { return number > 0 ? OrderedJson(number) : OrderedJson(); }

std::string short_hash(const std::string& hash) { return hash.substr(0, 12); }

}  // namespace

std::vector<std::string> sampling_differences(const JobRecord& before, const JobRecord& now) {
  std::vector<std::string> differences;
  if (before.model_hash != now.model_hash) {
    differences.push_back(cat("the model was ", before.model_name, " (hash ", short_hash(before.model_hash),
                              "), is ", now.model_name, " (hash ", short_hash(now.model_hash), ") now"));
  }
  add_differences(differences, before.sampling, now.sampling);
  add_difference(differences, "--save-latents", before.save_latents, now.save_latents);
  add_difference(differences, "--image-format", before.image_format, now.image_format);
  add_difference(differences, "--shard-size", given_or_null(before.shard_size),
                 given_or_null(now.shard_size));
  return differences;
}

std::vector<std::string> numerics_differences(const JobRecord& before, const JobRecord& now) {
  std::vector<std::string> differences;
  add_differences(differences, before.numerics, now.numerics);
  return differences;
}

ManifestChange manifest_change(const JobRecord& before, const JobRecord& now) {
  if (before.manifest_rows_sha256 == now.manifest_rows_sha256) return ManifestChange::none;
  return now.manifest_num_rows > before.manifest_num_rows ? ManifestChange::grown : ManifestChange::other;
}

bool manifests_agree(const JobRecord& part, const JobRecord& other) {
  const auto extends = [](const JobRecord& longer, const JobRecord& shorter) {
    return std::count(longer.extended_at.begin(), longer.extended_at.end(), shorter.num_samples) > 0;
  };
  return manifest_change(part, other) == ManifestChange::none || extends(part, other) || extends(other, part);
}

ConfigError other_sampling_error(const std::filesystem::path& output,
                                 const std::vector<std::string>& differences) {
  return ConfigError(cat("the job in ", output, " makes other samples: ", join(differences, "; ")),
                     "give the settings that it was begun with (job.json), or choose another --output");
}

ConfigError other_numerics_error(const std::filesystem::path& output,
                                 const std::vector<std::string>& differences) {
  return ConfigError(
      cat("the job in ", output,
          " was begun with settings that may give other bits: ", join(differences, "; ")),
      "give those that it was begun with (job.json), or --allow-different-numerics, which is recorded");
}

ConfigError other_manifest_error(const std::filesystem::path& output, const JobRecord& before,
                                 const JobRecord& now) {
  const auto describe = [](const JobRecord& record) {
    return cat(record.manifest_name, " with ", counted(record.manifest_num_rows, "row"), " (SHA-256 of them ",
               short_hash(record.manifest_rows_sha256), ")");
  };
  const bool is_grown = manifest_change(before, now) == ManifestChange::grown;
  return ConfigError(
      cat("the job in ", output, " has another manifest: it was ", describe(before), ", is ", describe(now),
          " now"),
      cat("give the manifest that it was begun with, or choose another --output",
          is_grown ? "; --extend goes on if the old rows are the beginning of the new ones" : ""));
}

}  // namespace ditmesh
