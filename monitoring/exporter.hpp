#pragma once
// Serves metrics to Prometheus: GET /metrics on its own port.

#include <cstdint>
#include <memory>
#include <string_view>

#include <prometheus/registry.h>

#include "monitoring/error.hpp"

namespace prometheus {
class Exposer;
}

namespace cecollm::monitoring {

/// Listens from start() to its destruction, with two threads of its own. Its destructor blocks
/// until they end, up to two seconds.
class Exporter {
 public:
  /// `address` is HOST:PORT with a numeric host ("127.0.0.1:9464", "[::1]:9464", "0.0.0.0:9464") or
  /// "localhost"; port 0 takes a free one. Fails with bad_address or cannot_listen.
  static Result<Exporter> start(std::string_view address,
                                const std::shared_ptr<prometheus::Registry>& registry);
  Exporter(Exporter&&) noexcept;
  Exporter& operator=(Exporter&&) noexcept;
  ~Exporter();

  /// The port that is listened on.
  std::uint16_t port() const;

 private:
  explicit Exporter(std::unique_ptr<prometheus::Exposer> exposer);
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace cecollm::monitoring
