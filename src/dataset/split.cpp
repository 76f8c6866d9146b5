#include "ditmesh/dataset/split.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "ditmesh/base/error.hpp"
#include "ditmesh/base/hash.hpp"
#include "ditmesh/base/text.hpp"

namespace ditmesh {

namespace {

constexpr size_t kMaxNameBytes = 64;
constexpr double kTolerance = 1e-9;
constexpr const char* kExample = "give for example --split train=0.99,test=0.01";

bool is_folder_name(std::string_view name) {
  constexpr std::string_view kSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '-' &&
         name.find_first_not_of(kSafe) == std::string_view::npos;
}

// 53 bits of the hash as a number from 0 to below 1: a double holds it exactly on every machine.
double position_of(std::string_view id) {
  Sha256 hash;
  hash.update(id);
  const auto digest = hash.digest();
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof(bits); ++i) bits = bits << 8U | digest.at(i);
  return std::ldexp(static_cast<double>(bits >> 11U), -53);
}

}  // namespace

Splits Splits::parse(std::string_view text) {
  std::map<std::string, std::string> shares;  // by name
  double sum = 0;
  for (const std::string& part : ditmesh::split(text, ',')) {
    const size_t equals = part.find('=');
    const std::string name(trim(std::string_view(part).substr(0, equals)));
    const std::string share(equals == std::string::npos ? ""
                                                        : trim(std::string_view(part).substr(equals + 1)));
    if (!is_folder_name(name)) {
      throw ConfigError(
          cat("--split: names are 1 to ", kMaxNameBytes,
              " letters, digits, '_' and '-', not '-' first; found '", name, "' in '", part, "'"),
          kExample);
    }
    const auto number = parse_double(share);
    if (!number || *number <= 0) {
      throw ConfigError(cat("--split: the share of ", name, " must be a number above 0, found '", share, "'"),
                        kExample);
    }
    if (!shares.emplace(name, share).second)
      throw ConfigError(cat("--split: ", name, " stands there twice"), "give every name once");
    sum += *number;
  }
  if (std::abs(sum - 1) > kTolerance)
    throw ConfigError(cat("--split: shares must make 1 together, '", text, "' makes ", sum), kExample);
  Splits splits;
  double end = 0;
  for (const auto& [name, share] : shares) {
    splits.text_ += cat(splits.names_.empty() ? "" : ",", name, "=", share);
    splits.names_.push_back(name);
    end += *parse_double(share);
    splits.ends_.push_back(end);
  }
  splits.ends_.pop_back();  // the last takes the rest, whatever was rounded
  return splits;
}

size_t Splits::of(std::string_view id) const {
  if (ends_.empty()) return 0;
  return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), position_of(id)) - ends_.begin());
}

}  // namespace ditmesh
