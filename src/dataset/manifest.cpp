#include "ditmesh/dataset/manifest.hpp"

#include <set>
#include <utility>

#include "csv.hpp"
#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/json.hpp"
#include "ditmesh/base/text.hpp"
#include "ditmesh/base/unicode.hpp"
#include "line_reader.hpp"
#include "manifest_builder.hpp"
#include "manifest_columns.hpp"

namespace ditmesh {

namespace {

enum class Format { lines, csv, tsv, json_lines };

// Empties a row but keeps the memory of its texts: millions follow.
void clear(ManifestRow& row) {
  row.id.clear();
  row.prompt.clear();
  row.negative_prompt.clear();
  row.seed.reset();
  row.height.reset();
  row.width.reset();
  row.steps.reset();
  row.guidance.reset();
  row.true_cfg.reset();
  row.further.clear();
}

void read_lines(LineReader& reader, std::string line, bool has_line, ManifestBuilder& builder) {
  ManifestRow row;
  while (has_line) {
    if (is_blank(line)) {
      builder.skip_blank_line();
    } else {
      row.prompt.swap(line);
      builder.add(row, reader.line_number(), {});
    }
    has_line = !builder.full() && reader.next(line);
  }
}

void read_csv(LineReader& reader, char separator, ManifestColumns& columns, ManifestBuilder& builder) {
  CsvRecord record;
  ManifestRow row;
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
      clear(row);
      for (size_t i = 0; i < header.size(); ++i) {
        columns.set(row, header[i], record.fields[i], record.line);
      }
      builder.add(row, record.line, columns.further_columns());
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
    std::string cell = cell_of(value, column, where);
    columns.set(row, column, cell, line_number);
  }
  columns.require_prompt(where);
  return row;
}

void read_json_lines(LineReader& reader, std::string line, bool has_line, ManifestColumns& columns,
                     ManifestBuilder& builder) {
  while (has_line) {
    if (is_blank(line)) {
      builder.skip_blank_line();
    } else {
      const std::string where = cat(reader.name(), ": line ", reader.line_number());
      const ManifestRow row = json_row(line, reader.line_number(), where, columns);
      builder.add(row, reader.line_number(), columns.further_columns());
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

// A manifest in memory, as rows come.
class RowCollector : public ManifestSink {
 public:
  void add(const ManifestRow& row, int64_t) override { manifest_.rows.push_back(row); }
  void finish(const std::vector<std::string>&) override {}
  std::string id(int64_t number) override { return manifest_.id(number); }

  Manifest with(ManifestInfo info) {
    static_cast<ManifestInfo&>(manifest_) = std::move(info);
    return std::move(manifest_);
  }

 private:
  Manifest manifest_;
};

}  // namespace

std::string Manifest::id(int64_t row) const {
  const std::string& own = rows.at(static_cast<size_t>(row)).id;
  return own.empty() ? std::to_string(row) : own;
}

ManifestInfo read_manifest(const std::string& path, const ManifestOptions& options, ManifestSink& sink) {
  const bool is_stdin = path == "-";
  Format format = is_stdin ? Format::lines : format_of(path);
  LineReader reader(path);
  ManifestBuilder builder(reader.name(), options, sink);
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

ManifestInfo read_prompts(const std::vector<std::string>& prompts, const ManifestOptions& options,
                          ManifestSink& sink) {
  ManifestBuilder builder("--prompt", options, sink);
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
    if (builder.full()) continue;
    ManifestRow row;
    row.prompt = prompt;
    builder.add(row, number, {});
  }
  return builder.finish({}, hash.hex_digest());
}

Manifest read_manifest(const std::string& path, const ManifestOptions& options) {
  RowCollector rows;
  return rows.with(read_manifest(path, options, rows));
}

Manifest manifest_from_prompts(const std::vector<std::string>& prompts) {
  RowCollector rows;
  return rows.with(read_prompts(prompts, {}, rows));
}

}  // namespace ditmesh
