#include "ditmesh/base/json.hpp"

#include <algorithm>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/file.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr int kMaxDepth = 200;  // the parser goes as deep as the text

}  // namespace

std::string json_problem(const std::exception& error) {
  const std::string text = error.what();
  if (const size_t place = text.find("syntax error"); place != std::string::npos) return text.substr(place);
  const size_t end_of_name = text.find("] ");
  return end_of_name == std::string::npos ? text : text.substr(end_of_name + 2);
}

Json parse_json(std::string_view text, std::string_view name) {
  const auto check_depth = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) {
      throw ConfigError(cat(name, " is nested more than ", kMaxDepth, " deep"),
                        "no file of ours is: fetch or write it again");
    }
    return true;
  };
  try {
    return Json::parse(text, check_depth);
  } catch (const Json::out_of_range& error) {
    throw ConfigError(cat(name, ": ", json_problem(error)), "write a number that a computer can hold");
  } catch (const Json::parse_error& error) {
    // The byte is one past the last character read.
    const size_t end = std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
    const std::string_view before = text.substr(0, end);
    const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 = 0
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    throw ConfigError(
        cat(name, ": line ", line, ", column ", end - line_begin + 1, ": ", json_problem(error)),
        "the file is not valid JSON, fetch or write it again");
  }
}

Json read_json_file(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

JsonObject::JsonObject(Json value, std::string name) : value_(std::move(value)), name_(std::move(name)) {
  if (!value_.is_object()) {
    throw ConfigError(cat(name_, " must hold a JSON object, found ", value_.type_name()));
  }
}

bool JsonObject::has(const std::string& key) const {
  const auto field = value_.find(key);
  return field != value_.end() && !field->is_null();
}

const Json& JsonObject::at(const std::string& key) const {
  if (!has(key)) throw ConfigError(cat(name_, ": field '", key, "' is missing"));
  return value_.at(key);
}

void JsonObject::allow_only(const std::vector<std::string>& keys) const {
  for (const auto& [key, unused] : value_.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    throw ConfigError(cat(name_, ": there is no field '", key, "'", did_you_mean(key, keys)),
                      cat("the fields are ", join(keys, ", ")));
  }
}

int64_t JsonObject::dimension(const std::string& key) const {
  const auto value = get<int64_t>(key);
  if (value < 1) throw ConfigError(cat(name_, ": field '", key, "' must be at least 1, found ", value));
  return value;
}

void JsonObject::wrong_type(const std::string& key) const {
  throw ConfigError(cat(name_, ": field '", key, "' has the wrong type: ", value_.at(key).dump()));
}

}  // namespace ditmesh
