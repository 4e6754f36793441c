#pragma once
// An edge's way to its clouds, from its settings: of one edge, or of many that share one identity.

#include <optional>

#include "actors/cloud_link.hpp"
#include "apps/failure.hpp"
#include "apps/settings.hpp"
#include "model/row_codec.hpp"
#include "transport/link_shape.hpp"
#include "transport/messages.hpp"

namespace cecollm::apps {

/// What the nodes compare, and what follows from it.
struct LinkedModel {
  transport::ModelDigests digests;
  const model::RowCodec* codec = nullptr;  // not null
  int hidden_size = 0;
};

/// A link to no cloud yet, of a client that is told from all others.
actors::CloudLinkSetting link_setting(const LinkedModel& linked);

/// Another each time.
std::uint64_t random_number();

class EdgeLinks {
 public:
  /// Loads the certificates, once.
  static Outcome<EdgeLinks> prepare(const EdgeSettings& settings, LinkedModel linked);

  /// What the links' connections prove themselves with; null without TLS.
  const std::shared_ptr<transport::TlsContext>& tls() const { return tls_; }

  /// The link of one client: an instance of its own, over an emulated link of its own, which begins
  /// now, where there is one.
  actors::CloudLinkSetting make(const std::optional<transport::LinkShape>& emulated) const;

 private:
  EdgeLinks(const EdgeSettings& settings, LinkedModel linked,
            std::shared_ptr<transport::TlsContext> tls);

  EdgeSettings settings_;
  LinkedModel linked_;
  std::shared_ptr<transport::TlsContext> tls_;
};

}  // namespace cecollm::apps
