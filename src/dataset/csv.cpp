#include "csv.hpp"

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

// The field in quotes that begins at `line[at]`; `at` ends behind the closing quote.
std::string quoted_field(LineReader& reader, std::string& line, size_t& at) {
  const int64_t first_line = reader.line_number();
  std::string field;
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
      return field;
    }
  }
}

}  // namespace

bool next_csv_record(LineReader& reader, char separator, CsvRecord& record) {
  std::string line;
  if (!reader.next(line)) return false;
  record.fields.clear();
  record.line = reader.line_number();
  record.is_blank = line.find_first_not_of(" \t") == std::string::npos;
  if (record.is_blank) return true;
  size_t at = 0;
  while (true) {
    if (at < line.size() && line[at] == '"') {
      record.fields.push_back(quoted_field(reader, line, at));
      if (at < line.size() && line[at] != separator) {
        throw ConfigError(cat(reader.name(), ": line ", reader.line_number(),
                              ": text follows a closing quote: ", line.substr(at, 20)),
                          "write a quote inside a text as two");
      }
    } else {
      const size_t end = line.find(separator, at);
      record.fields.push_back(line.substr(at, end - at));
      at = end == std::string::npos ? line.size() : end;
    }
    if (at >= line.size()) return true;
    ++at;  // the separator
  }
}

}  // namespace ditmesh
