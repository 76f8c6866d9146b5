#pragma once
// JSON files read with errors that name the file, the place and the field.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

using Json = nlohmann::json;
/// Keeps the order of insertion: for files that people read.
using OrderedJson = nlohmann::ordered_json;

/// What nlohmann-json says, without its own names and counts.
std::string json_problem(const std::exception& error);

/// Parses `text`; a syntax error is a ConfigError "NAME: line L, column C: …".
Json parse_json(std::string_view text, std::string_view name);
Json read_json_file(const std::filesystem::path& path);

/// A JSON object that knows where it came from, so that every error names file and field.
class JsonObject {
 public:
  /// Throws ConfigError unless `value` is an object.
  JsonObject(Json value, std::string name);
  static JsonObject read(const std::filesystem::path& path) { return {read_json_file(path), path.string()}; }

  bool has(const std::string& key) const;  // present and not null
  const Json& at(const std::string& key) const;
  const std::string& name() const { return name_; }
  const Json& json() const { return value_; }

  /// The field as T (int64_t, double, bool, std::string or a vector of these);
  /// a missing or ill-typed field is a ConfigError.
  template <typename T>
  T get(const std::string& key) const {
    try {
      return checked<T>(at(key));
    } catch (const nlohmann::json::exception&) {
      wrong_type(key);
    }
  }

  /// The same with a default for a missing or null field.
  template <typename T>
  T get_or(const std::string& key, T fallback) const {
    return has(key) ? get<T>(key) : fallback;
  }

  /// Throws ConfigError for a field of another name, with the nearest that is known.
  void allow_only(const std::vector<std::string>& keys) const;

  /// A whole number ≥ 1: a dimension.
  int64_t dimension(const std::string& key) const;
  int64_t dimension_or(const std::string& key, int64_t fallback) const {
    return has(key) ? dimension(key) : fallback;
  }

 private:
  template <typename T>
  static T checked(const Json& value) {
    // nlohmann would turn 1.5 or true into an integer without a word.
    if constexpr (std::is_same_v<T, int64_t>) {
      if (!value.is_number_integer()) throw nlohmann::json::type_error::create(302, "integer", &value);
    }
    if constexpr (std::is_same_v<T, double>) {
      if (!value.is_number()) throw nlohmann::json::type_error::create(302, "number", &value);
    }
    return value.get<T>();
  }
  [[noreturn]] void wrong_type(const std::string& key) const;

  Json value_;
  std::string name_;
};

}  // namespace ditmesh
