#include "ditmesh/base/hash.hpp"

#include <openssl/evp.h>

#include "ditmesh/base/error.hpp"

namespace ditmesh {

namespace {

void check_openssl(int ok) {
  if (ok != 1) throw InternalError("OpenSSL refused to compute a SHA-256");
}

}  // namespace

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  check_openssl(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(const void* bytes, size_t size) {
  check_openssl(EVP_DigestUpdate(state_->context.get(), bytes, size));
}

void Sha256::restart() {
  // No digest named: that of the context stays, and OpenSSL does not look it up again.
  check_openssl(EVP_DigestInit_ex(state_->context.get(), nullptr, nullptr));
}

Sha256 Sha256::clone() const {
  Sha256 copy;
  check_openssl(EVP_MD_CTX_copy_ex(copy.state_->context.get(), state_->context.get()));
  return copy;
}

std::array<uint8_t, 32> Sha256::digest() {
  std::array<uint8_t, 32> bytes{};
  check_openssl(EVP_DigestFinal_ex(state_->context.get(), bytes.data(), nullptr));
  return bytes;
}

std::string Sha256::hex_digest() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : digest()) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string sha256_hex(const void* bytes, size_t size) {
  Sha256 hash;
  hash.update(bytes, size);
  return hash.hex_digest();
}

}  // namespace ditmesh
