#pragma once
// Records of comma or tab separated files. Source: RFC 4180.

#include <cstdint>
#include <string>
#include <vector>

#include "line_reader.hpp"

namespace ditmesh {

struct CsvRecord {
  std::vector<std::string> fields;
  int64_t line = 0;       // where it begins
  bool is_blank = false;  // a line of nothing but blanks
  std::string rest;       // of the parser: the line in the making, kept for its memory
};

/// Reads the next record; a field in quotes may span lines. False at the end.
/// Throws ConfigError with the line for quotes that do not match.
bool next_csv_record(LineReader& reader, char separator, CsvRecord& record);

}  // namespace ditmesh
