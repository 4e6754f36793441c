#include "apps/credential_renewal.hpp"

#include <utility>

namespace cecollm::apps {

std::vector<std::filesystem::path> files_of(const transport::TlsContext& tls) {
  const auto& files = tls.files();
  return {files.certificate, files.key, files.authority};
}

ReloadWatch::Reload renewal_of(std::shared_ptr<transport::TlsContext> tls,
                               monitoring::Logger logger) {
  return
      [tls = std::move(tls), logger = std::move(logger)](std::string_view cause) -> Outcome<void> {
        if (const auto renewed = tls->renew(); !renewed) {
          logger.warning("certificates refused, the old ones stay",
                         {{"cause", cause}, {"problem", renewed.error().message}});
          return tl::unexpected(to_failure(renewed.error()));
        }
        logger.info("certificates renewed, for new connections",
                    {{"cause", cause}, {"certificate", tls->files().certificate.string()}});
        return {};
      };
}

}  // namespace cecollm::apps
