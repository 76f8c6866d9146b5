#include "csv.hpp"

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// The field in quotes that begins at `line[at]`; `at` ends behind the closing quote.
void read_quoted_field(LineReader& reader, std::string& line, size_t& at, std::string& field) {
  const int64_t first_line = reader.line_number();
  field.clear();
  ++at;
  while (true) {
    const size_t quote = line.find('"', at);
    field.append(line, at, quote - at);
    if (quote == std::string::npos) {
      if (!reader.next(line)) {
        throw ConfigError(cat(reader.name(), ": line ", first_line, ": a quote is opened and never closed"),
                          "close it, and write a quote inside a text as two");
      }
      field += '\n';
      at = 0;
    } else if (line.compare(quote, 2, "\"\"") == 0) {
      field += '"';
      at = quote + 2;
    } else {
      at = quote + 1;
      return;
    }
  }
}

}  // namespace

bool next_csv_record(LineReader& reader, char separator, CsvRecord& record) {
  std::string& line = record.rest;
  if (!reader.next(line)) return false;
  record.line = reader.line_number();
  record.is_blank = line.find_first_not_of(" \t") == std::string::npos;
  if (record.is_blank) return true;
  size_t at = 0;
  size_t num_fields = 0;
  while (true) {
    // Fields of the record before are overwritten, which saves millions of allocations.
    if (num_fields == record.fields.size()) record.fields.emplace_back();
    std::string& field = record.fields[num_fields++];
    if (at < line.size() && line[at] == '"') {
      read_quoted_field(reader, line, at, field);
      if (at < line.size() && line[at] != separator) {
        throw ConfigError(cat(reader.name(), ": line ", reader.line_number(),
                              ": text follows a closing quote: ", line.substr(at, 20)),
                          "write a quote inside a text as two");
      }
    } else {
      const size_t end = line.find(separator, at);
      field.assign(line, at, end - at);
      at = end == std::string::npos ? line.size() : end;
    }
    if (at >= line.size()) break;
    ++at;  // the separator
  }
  record.fields.resize(num_fields);
  return true;
}

}  // namespace ditmesh
