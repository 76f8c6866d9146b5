#pragma once
// Samples shared out to named parts of an export, by a hash of their ids.
//
// Example: train=0.75,test=0.25. In the order of the names: test takes positions below 0.25, train those from
// there on. An id's position is that of its SHA-256 between 0 and 1, so that neither rows around it nor other
// options move it, and all copies of a row stay together.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ditmesh {

class Splits {
 public:
  /// No splits: all samples belong together.
  Splits() = default;

  /// "NAME=SHARE,NAME=SHARE…". Throws ConfigError unless names are 1 to 64 letters, digits, '_' and '-' (they
  /// become folders), all different, and shares are above 0 and make 1 to within 1e-9.
  static Splits parse(std::string_view text);

  bool empty() const { return names_.empty(); }
  /// Sorted.
  const std::vector<std::string>& names() const { return names_; }
  /// Index into names() of a sample's split; 0 if there are none.
  size_t of(std::string_view id) const;
  /// What parse() takes: "test=0.25,train=0.75"; empty if there are none.
  const std::string& text() const { return text_; }

 private:
  std::vector<std::string> names_;
  std::vector<double> ends_;  // upper ends of all but the last
  std::string text_;
};

}  // namespace ditmesh
