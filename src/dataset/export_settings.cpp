#include "ditmesh/dataset/export_settings.hpp"

#include <algorithm>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

struct FormatName {
  ExportFormat format;
  std::string_view name;
};

constexpr FormatName kFormats[] = {{ExportFormat::png, "png"},
                                   {ExportFormat::webdataset, "webdataset"},
                                   {ExportFormat::hdf5, "hdf5"},
                                   {ExportFormat::contact_sheet, "contact-sheet"}};

std::string shown(const OrderedJson& settings, const std::string& key) {
  const auto field = settings.find(key);
  if (field == settings.end() || field->is_null()) return "not there";
  if (field->is_string()) return field->get<std::string>().empty() ? "not given" : field->get<std::string>();
  if (field->is_array() && field->empty()) return "not given";
  return field->dump();
}

}  // namespace

std::string_view to_string(ExportFormat format) {
  for (const FormatName& known : kFormats) {
    if (known.format == format) return known.name;
  }
  throw InternalError("an export format has no name");
}

ExportFormat parse_export_format(std::string_view text) {
  std::vector<std::string> names;
  for (const FormatName& known : kFormats) {
    if (known.name == text) return known.format;
    names.emplace_back(known.name);
  }
  throw ConfigError(cat("there is no export format '", text, "'", did_you_mean(text, names)),
                    cat("give one of ", join(names, ", ")));
}

Condition Condition::parse(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || trim(text.substr(0, equals)).empty()) {
    throw ConfigError(cat("--where has the form COLUMN=VALUE, found '", text, "'"),
                      "give for example --where steps=28, and one --where for each condition");
  }
  return {std::string(trim(text.substr(0, equals))), std::string(text.substr(equals + 1))};
}

OrderedJson ExportSettings::to_json() const {
  auto sorted = where;
  std::sort(sorted.begin(), sorted.end());
  OrderedJson conditions = OrderedJson::array();
  for (const Condition& condition : sorted) conditions.push_back(cat(condition.column, "=", condition.value));
  OrderedJson json = {{"format", to_string(format)},
                      {"where", conditions},
                      {"split", splits.text()},
                      {"unverified", !is_verified}};
  if (format == ExportFormat::webdataset) json["samples-per-tar"] = samples_per_tar;
  return json;
}

std::vector<std::string> setting_differences(const OrderedJson& before, const OrderedJson& now) {
  std::vector<std::string> keys;
  for (const OrderedJson& one : {now, before}) {
    for (const auto& [key, value] : one.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  std::vector<std::string> differences;
  for (const std::string& key : keys) {
    if (before.value(key, OrderedJson()) == now.value(key, OrderedJson())) continue;
    differences.push_back(cat("--", key, " was ", shown(before, key), ", is ", shown(now, key), " now"));
  }
  return differences;
}

}  // namespace ditmesh
