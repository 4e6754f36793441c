#include "transport/tls.hpp"

#include <cstdio>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "tests/support/pki.hpp"

namespace cecollm::transport {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using tests::Pki;
using tests::TemporaryDirectory;

class TlsCredentials : public ::testing::Test {
 protected:
  std::string refusal() const {
    const auto context = TlsContext::load(TlsRole::client, files);
    if (context) {
      return "accepted";
    }
    EXPECT_EQ(context.error().code, ErrorCode::bad_credentials);
    return context.error().message;
  }
  Pki pki;
  TemporaryDirectory directory;
  Credentials files = pki.issue({"edge", {}, "clientAuth"});
};

TEST_F(TlsCredentials, LoadForBothRoles) {
  for (const auto role : {TlsRole::client, TlsRole::server}) {
    const auto context = TlsContext::load(role, files);
    ASSERT_TRUE(context) << context.error().message;
    EXPECT_EQ((*context)->role(), role);
    EXPECT_NE((*context)->native(), nullptr);
  }
}

TEST_F(TlsCredentials, NameTheFileThatIsMissing) {
  const auto missing = directory.path() / "absent.pem";
  for (auto* file : {&files.certificate, &files.key, &files.authority}) {
    const auto before = std::exchange(*file, missing);
    EXPECT_THAT(refusal(), AllOf(HasSubstr(missing.string()), HasSubstr("No such file")));
    *file = before;
  }
}

TEST_F(TlsCredentials, NameTheFileThatIsADirectory) {
  files.authority = directory.path();
  EXPECT_THAT(refusal(), AllOf(HasSubstr(directory.path().string()), HasSubstr("is a directory")));
}

TEST_F(TlsCredentials, NameTheFileThatIsNoPem) {
  const auto garbage = directory.write("garbage.pem", "not a certificate\n");
  for (auto* file : {&files.certificate, &files.key, &files.authority}) {
    const auto before = std::exchange(*file, garbage);
    EXPECT_THAT(refusal(), AllOf(HasSubstr(garbage.string()), HasSubstr("no usable PEM")));
    *file = before;
  }
}

TEST_F(TlsCredentials, RefuseAKeyOfAnotherCertificate) {
  files.key = pki.issue({"other", {}}).key;
  EXPECT_THAT(refusal(), HasSubstr(files.key.string()));
}

TEST_F(TlsCredentials, RefuseAKeyWithAPassphraseWithoutAsking) {
  const auto encrypted = directory.path() / "encrypted.key";
  FILE* in = std::fopen(files.key.c_str(), "r");
  FILE* out = std::fopen(encrypted.c_str(), "w");
  ASSERT_TRUE(in != nullptr && out != nullptr);
  EVP_PKEY* key = PEM_read_PrivateKey(in, nullptr, nullptr, nullptr);
  const char passphrase[] = "secret";
  EXPECT_EQ(PEM_write_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), passphrase,
                                      sizeof(passphrase) - 1, nullptr, nullptr),
            1);
  EVP_PKEY_free(key);
  std::fclose(in);
  std::fclose(out);
  files.key = encrypted;
  EXPECT_THAT(refusal(), AllOf(HasSubstr(encrypted.string()), HasSubstr("without passphrase")));
}

}  // namespace
}  // namespace cecollm::transport
