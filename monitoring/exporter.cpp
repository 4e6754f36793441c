#include "monitoring/exporter.hpp"

#include <charconv>
#include <string>

#include <CivetServer.h>
#include <prometheus/exposer.h>

namespace cecollm::monitoring {
namespace {

constexpr std::size_t threads = 2;

/// CivetWeb reads a list of ports with option letters; this lets through one HOST:PORT only.
bool is_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size()) return false;
  if (host == "localhost") return true;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.find_first_not_of("0123456789abcdefABCDEF:.", 1) == host.size() - 1
                   : host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

Exporter::Exporter(std::unique_ptr<prometheus::Exposer> exposer) : exposer_(std::move(exposer)) {}
Exporter::Exporter(Exporter&&) noexcept = default;
Exporter& Exporter::operator=(Exporter&&) noexcept = default;
Exporter::~Exporter() = default;

Result<Exporter> Exporter::start(std::string_view address,
                                 const std::shared_ptr<prometheus::Registry>& registry) {
  const std::string text(address);
  if (!is_address(address)) {
    return fail(ErrorCode::bad_address,
                "metrics address '" + text + "' is not HOST:PORT with a numeric host");
  }
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(text, threads);
    exposer->RegisterCollectable(registry);
    return Exporter(std::move(exposer));
  } catch (const CivetException&) {
    return fail(ErrorCode::cannot_listen, "cannot serve metrics on " + text +
                                              ": the port is taken or the address is not one of "
                                              "this machine's");
  }
}

std::uint16_t Exporter::port() const {
  const std::vector<int> ports = exposer_->GetListeningPorts();
  return ports.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(ports.front());
}

}  // namespace cecollm::monitoring
