// Peak resident memory of an edge's and of a cloud's process, less that of a process which loads
// the same libraries and runs one product, against the bytes of their tensors. Fails where one is
// above 1.15 times its tensors and 60 MB. Writes DIRECTORY/peak_memory.md and .json.

#include <fstream>
#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/cloud_node.hpp"
#include "apps/edge_node.hpp"
#include "apps/setting_sources.hpp"
#include "bench/default_model.hpp"
#include "bench/loopback_cloud.hpp"
#include "bench/machine.hpp"

namespace cecollm::bench {
namespace {

constexpr double allowed_factor = 1.15;
constexpr double allowed_bytes = 60e6;

struct Options {
  std::string role;
  std::string checkpoint = CECOLLM_DEFAULT_MODEL;
  std::string cloud;
  std::string weights = "stored";
  std::string out = "bench/results/cpu";
  std::string conditions;
  std::int64_t prompt_tokens = 128;
  std::int64_t new_tokens = 32;
};

/// The most memory that this process ever had, bytes.
std::int64_t peak_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

apps::SettingSources settings_of(const Options& options) {
  apps::SettingSources sources;
  sources.flags["model.directory"] = {options.checkpoint};
  sources.flags["model.threads"] = {"2"};
  sources.flags["link.insecure"] = {"true"};
  sources.flags["log.level"] = {"error"};
  return sources;
}

/// One product by libtorch, and its libraries.
void run_baseline() {
  const auto checkpoint = need(model::Checkpoint::open(CECOLLM_TINY_MODEL));
  const auto engine =
      need(model::load_engine(checkpoint, model::Part::cloud_only,
                              {model::ComputeDType::fp32, nullptr, model::Kernels::libtorch}));
  const auto session = need(engine->open({}));
  run(*engine, step_of(*session, std::vector<model::TokenId>{1}, {engine->stages().size() - 1}));
}

/// Serves until its input ends.
void run_cloud(const Options& options) {
  auto sources = settings_of(options);
  sources.flags["link.listen"] = {"127.0.0.1:0"};
  const auto cloud = need(apps::CloudNode::start(need(apps::load_cloud_settings(sources)), {}));
  std::cout << transport::to_string(cloud->bound()) << std::endl;
  std::cin.ignore(1);
}

void run_edge(const Options& options) {
  auto sources = settings_of(options);
  sources.flags["model.weights"] = {options.weights};
  sources.flags["link.cloud"] = {options.cloud};
  sources.flags["generation.thresholds"] = {"2"};
  sources.flags["generation.max_tokens"] = {std::to_string(options.new_tokens)};
  sources.flags["generation.ignore_eos"] = {"true"};
  sources.flags["generation.token_deadline"] = {"1h"};
  sources.flags["supervisor.adaptive"] = {"false"};
  const auto settings = need(apps::load_edge_settings(sources));
  const auto edge = need(apps::EdgeNode::start(settings, {}));
  edge->await_link(std::chrono::seconds(30));
  for (const char* mode : {"collaborative", "cloud-only"}) {
    auto request = need(apps::request_from(settings, edge->config()));
    request.mode = mode == std::string("collaborative") ? policy::Mode::collaborative
                                                        : policy::Mode::cloud_only;
    request.prompt = prompt(options.prompt_tokens);
    need(edge->generate(std::move(request), [](const auto&) { return true; }));
  }
}

int run_role(const Options& options) {
  if (options.role == "baseline") run_baseline();
  if (options.role == "cloud") run_cloud(options);
  if (options.role == "edge") run_edge(options);
  std::cout << peak_bytes() << std::endl;
  return 0;
}

/// This program in another role.
class Child {
 public:
  explicit Child(const std::vector<std::string>& arguments) {
    int input[2];
    int output[2];
    if (::pipe(input) != 0 || ::pipe(output) != 0) fail_with("pipe");
    process_ = ::fork();
    if (process_ < 0) fail_with("fork");
    if (process_ == 0) {
      ::dup2(input[0], STDIN_FILENO);
      ::dup2(output[1], STDOUT_FILENO);
      for (const int file : {input[0], input[1], output[0], output[1]}) ::close(file);
      std::vector<char*> pointers;
      pointers.reserve(arguments.size() + 1);
      for (const auto& argument : arguments)
        pointers.push_back(const_cast<char*>(argument.c_str()));
      pointers.push_back(nullptr);
      ::execv("/proc/self/exe", pointers.data());
      std::_Exit(127);
    }
    ::close(input[0]);
    ::close(output[1]);
    input_ = input[1];
    output_ = output[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    end_input();
    ::close(output_);
    ::waitpid(process_, nullptr, 0);
  }

  void end_input() {
    if (input_ >= 0) ::close(std::exchange(input_, -1));
  }
  std::string line() {
    std::string text;
    for (char c = 0; ::read(output_, &c, 1) == 1 && c != '\n';) text += c;
    if (text.empty()) {
      std::cerr << "benchmark: a process of it ended early\n";
      std::exit(1);
    }
    return text;
  }

 private:
  [[noreturn]] static void fail_with(const char* what) {
    std::perror(what);
    std::exit(1);
  }
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
};

struct Row {
  std::string role;
  std::int64_t peak = 0;
  std::int64_t tensors = 0;
  double above(std::int64_t baseline) const { return static_cast<double>(peak - baseline); }
  double allowed() const { return allowed_factor * static_cast<double>(tensors) + allowed_bytes; }
};

std::int64_t tensor_bytes(const std::string& directory, model::Part part) {
  const auto checkpoint = need(model::Checkpoint::open(directory));
  std::int64_t bytes = 0;
  for (const auto& spec : model::tensors_of(checkpoint.config(), part)) {
    bytes +=
        static_cast<std::int64_t>(need(checkpoint.require(spec.name, spec.shape)).bytes.size());
  }
  return bytes;
}

std::string megabytes(double bytes) {
  std::ostringstream text;
  text << std::fixed;
  text.precision(1);
  text << bytes / 1e6;
  return text.str();
}

int report(const Options& options, std::int64_t baseline, const std::vector<Row>& rows) {
  std::ostringstream text;
  text << "# Peak memory\n\n"
       << describe_machine() << ", commit " << describe_commit() << ". " << options.conditions
       << "\n\n"
       << std::filesystem::path(options.checkpoint).lexically_normal().filename().string()
       << ", weights of the edge " << options.weights << ", " << options.prompt_tokens
       << " prompt tokens and " << options.new_tokens
       << " new ones, collaborative (every token asked for) and then cloud-only. A process that "
          "loads the libraries and runs one product peaks at "
       << megabytes(static_cast<double>(baseline)) << " MB.\n\n"
       << "| process | peak, MB | above that, MB | tensors, MB | allowed (1.15 tensors + 60), MB | "
          "|\n|---|---:|---:|---:|---:|---|\n";
  auto json = nlohmann::ordered_json::object();
  json["machine"] = describe_machine();
  json["commit"] = describe_commit();
  json["conditions"] = options.conditions;
  json["baseline_bytes"] = baseline;
  bool within = true;
  for (const auto& row : rows) {
    const bool fits = row.above(baseline) <= row.allowed();
    within = within && fits;
    text << "| " << row.role << " | " << megabytes(static_cast<double>(row.peak)) << " | "
         << megabytes(row.above(baseline)) << " | " << megabytes(static_cast<double>(row.tensors))
         << " | " << megabytes(row.allowed()) << " | " << (fits ? "within" : "**above**") << " |\n";
    json["processes"].push_back({{"role", row.role},
                                 {"peak_bytes", row.peak},
                                 {"tensor_bytes", row.tensors},
                                 {"within", fits}});
  }
  std::error_code code;
  std::filesystem::create_directories(options.out, code);
  const std::filesystem::path directory(options.out);
  std::ofstream(directory / "peak_memory.md") << text.str();
  std::ofstream(directory / "peak_memory.json") << json.dump(1) << '\n';
  std::cout << text.str();
  return within ? 0 : 1;
}

int measure_peaks(const Options& options, const std::string& program) {
  const auto role = [&](const std::string& name) {
    return std::vector<std::string>{program,
                                    "--role",
                                    name,
                                    "--checkpoint",
                                    options.checkpoint,
                                    "--weights",
                                    options.weights,
                                    "--prompt-tokens",
                                    std::to_string(options.prompt_tokens),
                                    "--new-tokens",
                                    std::to_string(options.new_tokens)};
  };
  const std::int64_t baseline = std::stoll(Child(role("baseline")).line());
  Child cloud(role("cloud"));
  auto edge_arguments = role("edge");
  edge_arguments.insert(edge_arguments.end(), {"--cloud", cloud.line()});
  Row edge_row{"edge", std::stoll(Child(edge_arguments).line()),
               tensor_bytes(options.checkpoint, model::Part::edge)};
  cloud.end_input();
  Row cloud_row{"cloud", std::stoll(cloud.line()),
                tensor_bytes(options.checkpoint, model::Part::cloud_only)};
  return report(options, baseline, {edge_row, cloud_row});
}

}  // namespace
}  // namespace cecollm::bench

int main(int argc, char** argv) {
  cecollm::bench::Options options;
  CLI::App app("Peak memory of edge and cloud against the bytes of their tensors");
  app.add_option("--checkpoint", options.checkpoint)->capture_default_str();
  app.add_option("--weights", options.weights, "Of the edge: stored or int8")
      ->capture_default_str();
  app.add_option("--prompt-tokens", options.prompt_tokens)->capture_default_str();
  app.add_option("--new-tokens", options.new_tokens)->capture_default_str();
  app.add_option("--out", options.out, "Directory of the report")->capture_default_str();
  app.add_option("--conditions", options.conditions, "A sentence on what else the machine did");
  app.add_option("--role", options.role)->group("");
  app.add_option("--cloud", options.cloud)->group("");
  CLI11_PARSE(app, argc, argv);
  return options.role.empty() ? cecollm::bench::measure_peaks(options, argv[0])
                              : cecollm::bench::run_role(options);
}
