#pragma once
// SHA-256, as used for pixels, content hashes and derived seeds.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ditmesh {

/// A SHA-256 in the making. Source: FIPS 180-4, by OpenSSL.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(const void* bytes, size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }

  /// The digest; the object is spent afterwards, until restart().
  std::array<uint8_t, 32> digest();
  /// The digest as 64 lower-case hexadecimal digits.
  std::string hex_digest();

  /// Forgets what it was given: cheaper than a new object.
  void restart();
  /// Another object that was given the same so far.
  Sha256 clone() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(const void* bytes, size_t size);
inline std::string sha256_hex(std::string_view text) { return sha256_hex(text.data(), text.size()); }

}  // namespace ditmesh
