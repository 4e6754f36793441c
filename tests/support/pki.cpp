#include "tests/support/pki.hpp"

#include <cstdio>
#include <cstdlib>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace cecollm::tests {

namespace {

void require(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "test certificates: %s failed\n", what);
    std::abort();
  }
}

using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

File open_for_writing(const std::filesystem::path& path) {
  File file(std::fopen(path.c_str(), "w"), std::fclose);
  require(file != nullptr, "opening a file");
  return file;
}

std::shared_ptr<EVP_PKEY> make_key() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  require(key != nullptr, "making a key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, "an extension");
  X509_EXTENSION_free(extension);
}

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  require(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1,
                                     0) == 1,
          "a name");
}

std::shared_ptr<X509> make_certificate(EVP_PKEY* key, long serial, std::chrono::seconds not_before,
                                       std::chrono::seconds not_after) {
  std::shared_ptr<X509> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), not_before.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), not_after.count());
  require(X509_set_pubkey(certificate.get(), key) == 1, "a public key");
  return certificate;
}

void write_pem(const std::filesystem::path& path, X509* certificate) {
  require(PEM_write_X509(open_for_writing(path).get(), certificate) == 1, "writing");
}

}  // namespace

Pki::Pki(const std::string& name)
    : authority_file_(directory_.path() / "ca.pem"), key_(make_key()) {
  using namespace std::chrono_literals;
  certificate_ = make_certificate(key_.get(), 1, -3600s, 3600s);
  add_name(X509_get_subject_name(certificate_.get()), "CN", name);
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign");
  require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0, "signing");
  write_pem(authority_file_, certificate_.get());
}

transport::Credentials Pki::issue(const Leaf& leaf) {
  ++issued_;
  const auto key = make_key();
  const auto certificate =
      make_certificate(key.get(), 1 + issued_, leaf.not_before, leaf.not_after);
  if (!leaf.common_name.empty()) {
    add_name(X509_get_subject_name(certificate.get()), "CN", leaf.common_name);
  } else {
    add_name(X509_get_subject_name(certificate.get()), "O", "nobody");
  }
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  add_extension(certificate.get(), certificate_.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), certificate_.get(), NID_ext_key_usage, leaf.usage);
  std::string names;
  for (const auto& name : leaf.names) {
    names += (names.empty() ? "" : ",") + name;
  }
  if (!names.empty()) {
    add_extension(certificate.get(), certificate_.get(), NID_subject_alt_name, names);
  }
  require(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0, "signing");

  const auto stem = std::to_string(issued_);
  transport::Credentials files{directory_.path() / (stem + ".pem"),
                               directory_.path() / (stem + ".key"), authority_file_};
  write_pem(files.certificate, certificate.get());
  require(PEM_write_PrivateKey(open_for_writing(files.key).get(), key.get(), nullptr, nullptr, 0,
                               nullptr, nullptr) == 1,
          "writing a key");
  return files;
}

namespace {
std::shared_ptr<const transport::TlsContext> load(transport::TlsRole role,
                                                  const transport::Credentials& files) {
  auto context = transport::TlsContext::load(role, files);
  require(context.has_value(), "loading credentials");
  return *context;
}
}  // namespace

std::shared_ptr<const transport::TlsContext> Pki::server() {
  return load(transport::TlsRole::server,
              issue({"cloud", {"DNS:localhost", "IP:127.0.0.1", "IP:::1"}, "serverAuth"}));
}

std::shared_ptr<const transport::TlsContext> Pki::client(const std::string& name) {
  return load(transport::TlsRole::client, issue({name, {}, "clientAuth"}));
}

}  // namespace cecollm::tests
