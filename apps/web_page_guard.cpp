#include "apps/web_page_guard.hpp"

#include "transport/endpoint.hpp"

namespace cecollm::apps {

bool is_for_loopback(const http::Request& request) {
  if (request.host.empty()) return true;
  const bool no_port = request.host.ends_with(']') || request.host.find(':') == std::string::npos;
  const auto host = transport::parse_endpoint(no_port ? request.host + ":80" : request.host);
  return host && transport::is_loopback(*host);
}

bool is_from_another_site(const http::Request& request) {
  return !request.origin.empty() && request.origin != "http://" + request.host;
}

}  // namespace cecollm::apps
