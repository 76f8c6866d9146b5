#pragma once
// Lines of a manifest, counted, checked and hashed as they go by.

#include <cstdint>
#include <fstream>
#include <istream>
#include <string>

#include "ditmesh/base/hash.hpp"

namespace ditmesh {

class LineReader {
 public:
  /// "-" is standard input. Throws ConfigError if the file cannot be read.
  explicit LineReader(const std::string& path);

  /// The next line without its end ("\n" or "\r\n") and without a byte order
  /// mark; false at the end. Throws ConfigError if it is not UTF-8 or holds a NUL.
  bool next(std::string& line);

  int64_t line_number() const { return line_number_; }  // of the last line, from 1
  const std::string& name() const { return name_; }

  /// The hash of the whole file; of standard input only of the lines read, so
  /// that `--limit` can end an endless stream.
  std::string finish_sha256();

 private:
  void hash_line(const std::string& line);

  std::string name_;
  std::ifstream file_;
  std::istream* in_;
  Sha256 hash_;
  std::string unhashed_;  // what hash_ has not got yet: it is quicker with much at a time
  int64_t line_number_ = 0;
};

}  // namespace ditmesh
