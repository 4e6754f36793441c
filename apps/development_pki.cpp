#include "apps/development_pki.hpp"

#include <chrono>
#include <fstream>

#include "apps/child_process.hpp"
#include "apps/make_dev_pki_script.hpp"

namespace cecollm::apps {
namespace {

constexpr std::chrono::seconds limit{30};

}  // namespace

Outcome<void> make_development_pki(const std::filesystem::path& directory) {
  const auto script = directory / "make-dev-pki.sh";
  std::ofstream(script) << make_dev_pki_script;
  auto process = ChildProcess::start({"/bin/bash", script.string(), "--force", directory.string()});
  if (!process) return tl::unexpected(process.error());
  const auto status = process->wait(limit);
  if (status != 0) return failed("certificates could not be made; is openssl installed?");
  return {};
}

}  // namespace cecollm::apps
