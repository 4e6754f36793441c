#pragma once
// A real cloud process with certificates of its own, for tests of the whole path.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/child_process.hpp"
#include "apps/development_pki.hpp"
#include "apps/edge_node.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::tests {

class CloudProcess {
 public:
  /// Starts `cecollm cloud` on a free port of loopback; `flags` are added. Throws if it does not
  /// come up: no test can go on without it.
  explicit CloudProcess(const std::vector<std::string>& flags = {},
                        const std::string& model = CECOLLM_DEFAULT_MODEL)
      : flags_(flags), model_(model), process_(start("127.0.0.1:0")) {
    address_ = read_address();
  }

  /// A new process in the place of this one, at the same address: it knows nothing yet. The old
  /// one gets SIGKILL.
  void replace() {
    process_.send_signal(SIGKILL);
    process_.wait(std::chrono::seconds(60));
    process_ = start(address_);
    read_address();
  }

  const std::string& address() const { return address_; }
  std::string pki(const std::string& file) const { return (pki_.path() / file).string(); }

  /// Settings of an edge that reaches this cloud.
  apps::SettingSources edge_sources(const std::string& model = CECOLLM_DEFAULT_MODEL) const {
    apps::SettingSources sources;
    sources.flags["model.directory"] = {model};
    sources.flags["model.dtype"] = {"fp32"};
    sources.flags["model.threads"] = {"1"};
    sources.flags["generation.mode"] = {"collaborative"};
    sources.flags["supervisor.adaptive"] = {"false"};  // a busy machine is no bad link
    sources.flags["link.cloud"] = {address_};
    sources.flags["link.certificate"] = {pki("edge.pem")};
    sources.flags["link.key"] = {pki("edge.key")};
    sources.flags["link.authority"] = {pki("ca.pem")};
    sources.flags["log.level"] = {"error"};
    return sources;
  }

  /// The same as flags of the command line.
  std::vector<std::string> edge_flags() const {
    return {"--cloud", address_,        "--cert", pki("edge.pem"),
            "--key",   pki("edge.key"), "--ca",   pki("ca.pem")};
  }

  apps::ChildProcess& process() { return process_; }

 private:
  std::string read_address() {
    const auto line = process_.read_line(std::chrono::seconds(120));
    if (!line) throw std::runtime_error("the cloud process did not start");
    return line->substr(line->rfind(' ') + 1);
  }

  apps::ChildProcess start(const std::string& address) {
    if (!std::filesystem::exists(pki("ca.pem")) && !apps::make_development_pki(pki_.path())) {
      throw std::runtime_error("no certificates");
    }
    std::vector<std::string> arguments{
        CECOLLM_BINARY, "cloud",          "--model", model_,           "--listen",
        address,        "--dtype",        "fp32",    "--threads",      "1",
        "--cert",       pki("cloud.pem"), "--key",   pki("cloud.key"), "--ca",
        pki("ca.pem"),  "--log-level",    "error"};
    arguments.insert(arguments.end(), flags_.begin(), flags_.end());
    auto process = apps::ChildProcess::start(arguments);
    if (!process) throw std::runtime_error(process.error().message);
    return std::move(*process);
  }

  TemporaryDirectory pki_;
  std::vector<std::string> flags_;
  std::string model_;
  apps::ChildProcess process_;
  std::string address_;
};

}  // namespace cecollm::tests
