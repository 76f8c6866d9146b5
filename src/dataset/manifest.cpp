#include "ditmesh/dataset/manifest.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "csv.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "line_reader.hpp"
#include "manifest_columns.hpp"

namespace ditmesh {

namespace {

enum class Format { lines, csv, tsv, json_lines };

bool is_blank(std::string_view line) { return trim(line).empty(); }

// Takes the rows in, checks what only shows over rows, and ends at the limit.
class Builder {
 public:
  Builder(std::string name, const ManifestOptions& options) : limit_(options.limit) {
    manifest_.name = std::move(name);
    if (limit_ && *limit_ < 1) {
      throw ConfigError(cat("--limit must be at least 1, found ", *limit_), "leave it out for all rows");
    }
  }

  bool full() const { return limit_ && static_cast<int64_t>(manifest_.rows.size()) >= *limit_; }
  void skip_blank_line() { ++manifest_.num_blank_lines; }

  void add(ManifestRow row, int64_t line) {
    if (is_blank(row.prompt)) {
      throw ConfigError(cat(manifest_.name, ": line ", line, ": the prompt is empty"),
                        "write one, or remove the line");
    }
    if (!row.id.empty()) has_ids_ = true;
    manifest_.rows.push_back(std::move(row));
    lines_.push_back(line);
  }

  Manifest finish(std::vector<std::string> further_columns, std::string sha256) {
    if (manifest_.rows.empty()) {
      throw ConfigError(cat(manifest_.name, ": a manifest needs at least one prompt, found none"),
                        "write one prompt a line");
    }
    manifest_.further_columns = std::move(further_columns);
    manifest_.sha256 = std::move(sha256);
    if (has_ids_) check_ids();
    return std::move(manifest_);
  }

 private:
  // By sorted hashes: a map of the ids would take more memory than the ids.
  void check_ids() const {
    std::vector<std::pair<size_t, int64_t>> hashes;
    hashes.reserve(manifest_.rows.size());
    for (int64_t row = 0; row < static_cast<int64_t>(manifest_.rows.size()); ++row) {
      hashes.emplace_back(std::hash<std::string>{}(manifest_.id(row)), row);
    }
    std::sort(hashes.begin(), hashes.end());
    for (size_t i = 1; i < hashes.size(); ++i) {
      for (size_t j = i; j > 0 && hashes[j - 1].first == hashes[i].first; --j) {
        check_different(hashes[j - 1].second, hashes[i].second);
      }
    }
  }

  void check_different(int64_t a, int64_t b) const {
    const std::string id = manifest_.id(a);
    if (id != manifest_.id(b)) return;
    throw ConfigError(cat(manifest_.name, ": ids must be unique, '", id, "' is that of line ",
                          lines_[static_cast<size_t>(a)], " and of line ", lines_[static_cast<size_t>(b)]),
                      "change one of them (a row without an id has its number, from 0)");
  }

  Manifest manifest_;
  std::optional<int64_t> limit_;
  std::vector<int64_t> lines_;  // of each row
  bool has_ids_ = false;
};

void read_lines(LineReader& reader, std::string line, bool has_line, Builder& builder) {
  while (has_line) {
    if (is_blank(line)) {
      builder.skip_blank_line();
    } else {
      ManifestRow row;
      row.prompt = std::move(line);
      builder.add(std::move(row), reader.line_number());
    }
    has_line = !builder.full() && reader.next(line);
  }
}

void read_csv(LineReader& reader, char separator, ManifestColumns& columns, Builder& builder) {
  CsvRecord record;
  std::vector<ManifestColumns::Column> header;
  while (!builder.full() && next_csv_record(reader, separator, record)) {
    if (record.is_blank) {
      builder.skip_blank_line();
    } else if (header.empty()) {
      for (const std::string& field : record.fields) {
        const std::string name(trim(field));
        if (columns.has(name)) {
          throw ConfigError(cat(reader.name(), ": two columns are called '", name, "'"),
                            "rename or remove one");
        }
        header.push_back(columns.find_or_add(name));
      }
      columns.require_prompt(reader.name());
    } else {
      if (record.fields.size() != header.size()) {
        throw ConfigError(cat(reader.name(), ": line ", record.line, ": the header has ", header.size(),
                              " columns, this line ", record.fields.size()),
                          "put texts that hold the separator in quotes");
      }
      ManifestRow row;
      for (size_t i = 0; i < header.size(); ++i) {
        columns.set(row, header[i], std::move(record.fields[i]), record.line);
      }
      builder.add(std::move(row), record.line);
    }
  }
}

// A JSON value as the text that a CSV cell would hold.
std::string cell_of(const OrderedJson& value, const ManifestColumns::Column& column,
                    const std::string& where) {
  if (value.is_null()) return {};
  const bool is_text =
      column.field == ManifestField::prompt || column.field == ManifestField::negative_prompt;
  const bool is_id = column.field == ManifestField::id;
  if ((is_text && !value.is_string()) || (is_id && !value.is_string() && !value.is_number_integer())) {
    throw ConfigError(cat(where, ", column '", column.name, "': a string is needed, found ", value.dump()),
                      "put it in quotes");
  }
  if (!value.is_string()) return value.dump();
  std::string text = value.get<std::string>();
  if (text.find('\0') != std::string::npos) {
    throw ConfigError(cat(where, ", column '", column.name, "': text must not hold \\u0000"), "remove it");
  }
  return text;
}

ManifestRow json_row(const std::string& line, int64_t line_number, const std::string& where,
                     ManifestColumns& columns) {
  std::set<std::string> keys;
  const auto refuse_repeated_key = [&](int depth, OrderedJson::parse_event_t event, const OrderedJson& key) {
    if (event == OrderedJson::parse_event_t::key && depth == 1 && !keys.insert(key).second) {
      throw ConfigError(cat(where, ": the key '", key.get<std::string>(), "' stands there twice"),
                        "remove one of them");
    }
    return true;
  };
  OrderedJson object;
  try {
    object = OrderedJson::parse(line, refuse_repeated_key);
  } catch (const OrderedJson::exception& error) {
    throw ConfigError(cat(where, ": not a JSON object: ", json_problem(error)), "write one object a line");
  }
  if (!object.is_object()) {
    throw ConfigError(cat(where, ": a JSON object is needed, found ", object.type_name()),
                      "write one object a line");
  }
  ManifestRow row;
  for (const auto& [key, value] : object.items()) {
    const ManifestColumns::Column& column = columns.find_or_add(key);
    columns.set(row, column, cell_of(value, column, where), line_number);
  }
  columns.require_prompt(where);
  return row;
}

void read_json_lines(LineReader& reader, std::string line, bool has_line, ManifestColumns& columns,
                     Builder& builder) {
  while (has_line) {
    if (is_blank(line)) {
      builder.skip_blank_line();
    } else {
      const std::string where = cat(reader.name(), ": line ", reader.line_number());
      builder.add(json_row(line, reader.line_number(), where, columns), reader.line_number());
    }
    has_line = !builder.full() && reader.next(line);
  }
}

Format format_of(const std::string& path) {
  const std::string extension = to_lower_ascii(std::filesystem::path(path).extension().string());
  if (extension == ".txt") return Format::lines;
  if (extension == ".csv") return Format::csv;
  if (extension == ".tsv") return Format::tsv;
  if (extension == ".jsonl") return Format::json_lines;
  throw ConfigError(cat("a manifest is a .txt, .csv, .tsv or .jsonl file, found ", path),
                    "rename or convert it");
}

}  // namespace

std::string Manifest::id(int64_t row) const {
  const std::string& own = rows.at(static_cast<size_t>(row)).id;
  return own.empty() ? std::to_string(row) : own;
}

Manifest read_manifest(const std::string& path, const ManifestOptions& options) {
  const bool is_stdin = path == "-";
  Format format = is_stdin ? Format::lines : format_of(path);
  LineReader reader(path);
  Builder builder(reader.name(), options);
  ManifestColumns columns(reader.name(), options.prompt_column);
  if (format == Format::csv || format == Format::tsv) {
    read_csv(reader, format == Format::csv ? ',' : '\t', columns, builder);
  } else {
    std::string line;
    bool has_line = reader.next(line);
    while (is_stdin && has_line && is_blank(line)) {
      builder.skip_blank_line();
      has_line = reader.next(line);
    }
    if (is_stdin && has_line && trim(line).front() == '{') format = Format::json_lines;
    if (format == Format::json_lines) {
      read_json_lines(reader, std::move(line), has_line, columns, builder);
    } else if (!options.prompt_column.empty()) {
      throw ConfigError(
          cat("--prompt-column ", options.prompt_column, " needs columns, ", reader.name(), " has none"),
          "leave the option out");
    } else {
      read_lines(reader, std::move(line), has_line, builder);
    }
  }
  return builder.finish(columns.further_columns(), reader.finish_sha256());
}

Manifest manifest_from_prompts(const std::vector<std::string>& prompts) {
  Builder builder("--prompt", {});
  Sha256 hash;
  int64_t number = 0;
  for (const std::string& prompt : prompts) {
    ++number;
    if (find_invalid_utf8(prompt)) {
      throw ConfigError(cat("--prompt ", number, " must be valid UTF-8"),
                        "set the terminal to UTF-8, or use --prompts FILE");
    }
    if (is_blank(prompt)) throw ConfigError(cat("--prompt ", number, " is empty"), "write one");
    hash.update(prompt);
    hash.update("\n");
    ManifestRow row;
    row.prompt = prompt;
    builder.add(std::move(row), number);
  }
  return builder.finish({}, hash.hex_digest());
}

}  // namespace ditmesh
