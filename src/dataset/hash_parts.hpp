#pragma once
// Millions of hashes in which equal ones are looked for.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace ditmesh {

/// Entries with a member `uint64_t hash` and an order that begins with it, in 256 parts by the hash's upper
/// bits: each part fits a processor's cache when it is sorted, and grows without copying all.
template <typename Entry>
class HashParts {
 public:
  void add(const Entry& entry) {
    std::vector<Entry>& part = parts_[entry.hash >> 56];
    // By a quarter instead of twice the size: there are many entries, and memory counts.
    if (part.size() == part.capacity()) part.reserve(part.size() + part.size() / 4 + 16);
    part.push_back(entry);
  }

  /// Calls `use(begin, end)` for each run of entries with the same hash. The entries are gone afterwards.
  template <typename Use>
  void take_runs(Use use) {
    for (std::vector<Entry>& part : parts_) {
      std::sort(part.begin(), part.end());
      for (auto begin = part.begin(); begin != part.end();) {
        auto end = begin + 1;
        while (end != part.end() && end->hash == begin->hash) ++end;
        use(begin, end);
        begin = end;
      }
      part = {};
    }
  }

 private:
  std::array<std::vector<Entry>, 256> parts_;
};

/// Another well-mixed hash for each pair of arguments. Source: the finalizer of SplitMix64 (Steele et al.,
/// 2014).
inline uint64_t mix_hash(uint64_t hash, uint64_t value) {
  uint64_t z = hash * 0x9E3779B97F4A7C15 + value;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

/// Only for use within a process: another build may give other hashes.
inline uint64_t hash_text(std::string_view text) {
  return mix_hash(std::hash<std::string_view>{}(text), text.size());
}

}  // namespace ditmesh
