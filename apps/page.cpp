#include "apps/page.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/evp.h>

#include "apps/page_html.hpp"

namespace cecollm::apps {
namespace {

/// What stands between the page's only <tag> and its end.
std::string_view content_of(std::string_view tag) {
  const std::string_view page = page_html;
  const std::string opening = "<" + std::string(tag) + ">";
  const auto begin = page.find(opening) + opening.size();
  return page.substr(begin, page.find("</" + std::string(tag) + ">") - begin);
}

/// As a policy names what is written into the page.
std::string source_of(std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::array<unsigned char, 64> text{};
  EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  return "'sha256-" + std::string(reinterpret_cast<const char*>(text.data())) + "'";
}

/// Runs what stands in the page and nothing else, and speaks to this edge and to nobody else.
std::string policy_of_page() {
  return "default-src 'none'; connect-src 'self'; img-src data:; script-src " +
         source_of(content_of("script")) + "; style-src " + source_of(content_of("style")) +
         "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace

http::Route page_route() {
  http::Response page;
  page.content_type = "text/html; charset=utf-8";
  page.body = page_html;
  page.headers = {{"Content-Security-Policy", policy_of_page()},
                  {"X-Content-Type-Options", "nosniff"},
                  {"Referrer-Policy", "no-referrer"},
                  {"Cache-Control", "no-cache"}};
  return {"GET", "/",
          [page = std::move(page)](const http::Request&, http::Client&) { return page; }, true};
}

}  // namespace cecollm::apps
