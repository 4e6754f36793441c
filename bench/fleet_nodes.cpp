#include "bench/fleet_nodes.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "apps/development_pki.hpp"
#include "bench/held_out_texts.hpp"

namespace cecollm::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds start_limit{120};
constexpr seconds step_limit{7200};

apps::ChildProcess start(const std::vector<std::string>& arguments) {
  auto process = apps::ChildProcess::start(arguments);
  if (!process) give_up(process.error().message);
  return std::move(*process);
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::string line_of(apps::ChildProcess& process, const std::string& what) {
  auto line = process.read_line(start_limit);
  if (!line) give_up(what + " said nothing");
  return *std::move(line);
}

/// The beginnings of the held-out texts, a line each.
void write_prompts(const std::string& file) {
  const auto prompts = held_out_prompts(CECOLLM_BENCH_TEXTS);
  if (!prompts) give_up(prompts.error().message);
  std::ofstream out(file);
  for (const auto& prompt : *prompts) {
    out << nlohmann::json{{"prompt", prompt.text}}.dump() << '\n';
  }
}

/// A port of loopback that was free a moment ago.
std::string free_address() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound = bind(socket, generic, size) == 0 && getsockname(socket, generic, &size) == 0;
  close(socket);
  if (!bound) give_up("loopback has no free port");
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

}  // namespace

void give_up(const std::string& why) {
  std::cerr << "fleet: " << why << '\n';
  std::exit(1);
}

FleetMaterial::FleetMaterial(Options options) : options_(std::move(options)) {
  if (const auto made = apps::make_development_pki(directory_.path()); !made) {
    give_up(made.error().message);
  }
  auto prompts = options_.prompts;
  if (prompts.empty()) {
    prompts = file("prompts.jsonl");
    write_prompts(prompts);
  }
  std::vector<std::string> arguments{CECOLLM_BINARY, "record"};
  append(arguments, model_flags());
  append(arguments,
         {"--prompts", prompts, "--max-tokens", std::to_string(options_.tokens), "--threshold",
          options_.threshold, "--ignore-eos", "--out", file("fleet.rec")});
  auto record = start(arguments);
  std::cerr << line_of(record, "cecollm record") << '\n';
  if (record.wait(step_limit) != 0) give_up("cecollm record failed");
}

std::vector<std::string> FleetMaterial::model_flags() const {
  std::vector<std::string> flags{"--model", options_.model};
  if (!options_.exit_layers.empty()) append(flags, {"--exit-layers", options_.exit_layers});
  return flags;
}

FleetCloud::FleetCloud(const FleetMaterial& material)
    : material_(material), process_(start([&] {
        std::vector<std::string> arguments{CECOLLM_BINARY, "cloud"};
        append(arguments, material.model_flags());
        metrics_ = free_address();
        append(arguments, {"--dtype",
                           "fp32",
                           "--threads",
                           "1",
                           "--no-cloud-only",
                           "--listen",
                           "127.0.0.1:0",
                           "--metrics",
                           metrics_,
                           "--max-connections",
                           "4096",
                           "--max-contexts",
                           "8192",
                           "--cert",
                           material.file("cloud.pem"),
                           "--key",
                           material.file("cloud.key"),
                           "--ca",
                           material.file("ca.pem"),
                           "--log-level",
                           "error"});
        return arguments;
      }())) {
  const auto line = line_of(process_, "cecollm cloud");
  address_ = line.substr(line.rfind(' ') + 1);
}

ProcessFigures FleetCloud::figures() const {
  auto figures = figures_of(process_.pid());
  if (!figures) give_up("the cloud has died");
  return *std::move(figures);
}

nlohmann::json FleetCloud::press(const std::vector<std::string>& flags, const Watch& watch) {
  const auto report = material_.file("report.json");
  std::vector<std::string> arguments{CECOLLM_BINARY, "load"};
  append(arguments,
         {"--recording", material_.file("fleet.rec"), "--cloud", address_, "--cloud-metrics",
          metrics_, "--cert", material_.file("edge.pem"), "--key", material_.file("edge.key"),
          "--ca", material_.file("ca.pem"), "--log-level", "error", "--quiet", "--json", report});
  append(arguments, flags);
  auto load = start(arguments);
  const auto end = std::chrono::steady_clock::now() + step_limit;
  std::optional<int> status;
  while (!status && std::chrono::steady_clock::now() < end) {
    status = load.wait(milliseconds(1000));
    const auto its = status ? std::nullopt : figures_of(load.pid());
    if (watch && its) watch(figures(), *its);
  }
  if (status != 0) give_up("cecollm load failed");
  std::ifstream file(report);
  return nlohmann::json::parse(file);
}

nlohmann::json run_bare_loop(const FleetMaterial& material, int batch, double seconds) {
  std::vector<std::string> arguments{
      CECOLLM_REPLAY_LOOP,   "--recording", material.file("fleet.rec"), "--batch",
      std::to_string(batch), "--seconds",   std::to_string(seconds),    "--model",
      material.model()};
  auto loop = start(arguments);
  auto result = nlohmann::json::parse(line_of(loop, "replay_loop"));
  if (loop.wait(step_limit) != 0) give_up("replay_loop failed");
  return result;
}

}  // namespace cecollm::bench
