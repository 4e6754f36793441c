#include "model/digest.hpp"

#include <gtest/gtest.h>

#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

std::string digest(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  return hash.finish().value();
}

// NIST's examples of FIPS 180-4.
TEST(Digest, IsSha256InLowerCaseHexadecimal) {
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, DependsNotOnHowTheBytesArrive) {
  Sha256 hash;
  hash.add("a");
  hash.add("");
  hash.add("bc");
  EXPECT_EQ(hash.finish().value(), digest("abc"));
}

TEST(Digest, WritesNumbersLittleEndianAndFieldsWithTheirLength) {
  Sha256 number;
  number.add_number(0x0807060504030201U);
  EXPECT_EQ(number.finish().value(), digest("\x01\x02\x03\x04\x05\x06\x07\x08"));
  Sha256 field;
  field.add_field("ab");
  EXPECT_EQ(field.finish().value(), digest(std::string_view("\2\0\0\0\0\0\0\0ab", 10)));
}

TEST(Digest, GivesAnErrorOnceItIsFinished) {
  Sha256 hash;
  ASSERT_TRUE(tests::succeeded(hash.finish()));
  hash.add("more");
  EXPECT_TRUE(tests::fails_with(hash.finish(), ErrorCode::unsupported, {"SHA-256"}));
}

TEST(Digest, RecognisesItsOwnForm) {
  EXPECT_TRUE(is_sha256_hex(digest("abc")));
  EXPECT_FALSE(is_sha256_hex(""));
  EXPECT_FALSE(is_sha256_hex(digest("abc").substr(1)));
  EXPECT_FALSE(is_sha256_hex(std::string(64, 'g')));
  EXPECT_FALSE(is_sha256_hex(std::string(64, 'A')));
}

}  // namespace
}  // namespace cecollm::model
