#pragma once
// Real processes for bench/fleet: one cloud, a load generator that presses it, and the bare loop
// that both are measured against. Failures end the process with a sentence.

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/child_process.hpp"
#include "apps/scratch_directory.hpp"
#include "bench/process_figures.hpp"

namespace cecollm::bench {

/// Ends this program.
[[noreturn]] void give_up(const std::string& why);

/// A model with a recording of it, and certificates.
class FleetMaterial {
 public:
  struct Options {
    std::string model;
    std::string exit_layers;  // empty: the model's own
    std::string prompts;      // empty: beginnings of held-out texts
    std::string threshold;    // above 1 the cloud gives every token
    int tokens = 64;
  };
  explicit FleetMaterial(Options options);

  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }
  const std::string& model() const { return options_.model; }
  /// `--model …`, and `--exit-layers …` where they are given.
  std::vector<std::string> model_flags() const;

 private:
  Options options_;
  apps::ScratchDirectory directory_;
};

class FleetCloud {
 public:
  explicit FleetCloud(const FleetMaterial& material);

  /// What `cecollm load` reports with these flags more. `watch` is called about once a second with
  /// the figures of the cloud and of the load generator while it runs.
  using Watch = std::function<void(const ProcessFigures& cloud, const ProcessFigures& load)>;
  nlohmann::json press(const std::vector<std::string>& flags, const Watch& watch = {});

  ProcessFigures figures() const;

 private:
  const FleetMaterial& material_;
  std::string metrics_;
  apps::ChildProcess process_;
  std::string address_;
};

/// What replay_loop prints.
nlohmann::json run_bare_loop(const FleetMaterial& material, int batch, double seconds);

}  // namespace cecollm::bench
