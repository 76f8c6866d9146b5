#include "ditmesh/base/hash.hpp"

#include <gtest/gtest.h>

namespace ditmesh {
namespace {

// Examples of FIPS 180-4.
TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, TakesItsInputInParts) {
  Sha256 hash;
  hash.update("a");
  hash.update("");
  Sha256 moved = std::move(hash);
  moved.update("bc");
  const auto digest = moved.digest();
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(digest[31], 0xad);
}

TEST(Sha256, StartsAnew) {
  Sha256 hash;
  for (int round = 0; round < 3; ++round) {
    hash.update("abc");
    EXPECT_EQ(hash.hex_digest(), sha256_hex("abc"));
    hash.restart();
  }
  hash.update("other");
  hash.restart();
  EXPECT_EQ(hash.hex_digest(), sha256_hex(""));
}

TEST(Sha256, IsCloned) {
  Sha256 hash;
  hash.update("ab");
  Sha256 copy = hash.clone();
  hash.update("c");
  copy.update("d");
  EXPECT_EQ(hash.hex_digest(), sha256_hex("abc"));
  EXPECT_EQ(copy.hex_digest(), sha256_hex("abd"));
}

}  // namespace
}  // namespace ditmesh
