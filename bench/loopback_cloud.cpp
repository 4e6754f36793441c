#include "bench/loopback_cloud.hpp"

#include "apps/development_pki.hpp"

namespace cecollm::bench {

LoopbackCloud::LoopbackCloud(std::string row_dtype) : row_dtype_(std::move(row_dtype)) {
  need(apps::make_development_pki(directory_.path()));
  auto sources = sources_of("cloud");
  sources.flags["link.listen"] = {"127.0.0.1:0"};
  cloud_ = need(apps::CloudNode::start(need(apps::load_cloud_settings(sources)), {}));
}

std::string LoopbackCloud::address() const {
  return transport::to_string(cloud_->bound());
}

apps::SettingSources LoopbackCloud::sources_of(const std::string& role) const {
  const auto file = [&](const std::string& name) {
    return (directory_.path() / name).string();
  };
  apps::SettingSources sources;
  sources.flags["model.directory"] = {CECOLLM_DEFAULT_MODEL};
  sources.flags["model.dtype"] = {"fp32"};
  sources.flags["model.threads"] = {"1"};
  sources.flags["link.row_dtype"] = {row_dtype_};
  sources.flags["link.certificate"] = {file(role + ".pem")};
  sources.flags["link.key"] = {file(role + ".key")};
  sources.flags["link.authority"] = {file("ca.pem")};
  sources.flags["log.level"] = {"error"};
  return sources;
}

}  // namespace cecollm::bench
