#include "tests/support/include_scan.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <set>
#include <span>

namespace cecollm::tests {
namespace {

/// What an include brings in, apart from our own files.
enum class Library {
  standard,
  clocks,
  sockets,
  system,  // other headers of the operating system and the processor
  expected,
  json,
  pcre2,
  utf8proc,
  highway,
  torch,
  protobuf,
  openssl,
  caf,
  prometheus,
  spdlog,
  cli,
  httplib,
  toml,
  googletest,
  benchmark,
  unknown,
};

struct Prefix {
  std::string_view text;
  Library library;
};

/// Longest first where one begins another.
constexpr std::array prefixes{
    Prefix{"ATen/", Library::torch},
    Prefix{"c10/", Library::torch},
    Prefix{"torch/", Library::torch},
    Prefix{"caffe2/", Library::torch},
    Prefix{"google/protobuf/", Library::protobuf},
    Prefix{"openssl/", Library::openssl},
    Prefix{"caf/", Library::caf},
    Prefix{"prometheus/", Library::prometheus},
    Prefix{"spdlog/", Library::spdlog},
    Prefix{"fmt/", Library::spdlog},
    Prefix{"nlohmann/", Library::json},
    Prefix{"tl/", Library::expected},
    Prefix{"pcre2.h", Library::pcre2},
    Prefix{"utf8proc.h", Library::utf8proc},
    Prefix{"hwy/", Library::highway},
    Prefix{"CLI/", Library::cli},
    Prefix{"httplib.h", Library::httplib},
    Prefix{"toml++/", Library::toml},
    Prefix{"gtest/", Library::googletest},
    Prefix{"gmock/", Library::googletest},
    Prefix{"benchmark/", Library::benchmark},
    Prefix{"sys/socket.h", Library::sockets},
    Prefix{"sys/un.h", Library::sockets},
    Prefix{"sys/epoll.h", Library::sockets},
    Prefix{"sys/select.h", Library::sockets},
    Prefix{"netinet/", Library::sockets},
    Prefix{"arpa/", Library::sockets},
    Prefix{"linux/tcp.h", Library::sockets},
    Prefix{"netdb.h", Library::sockets},
    Prefix{"poll.h", Library::sockets},
    Prefix{"sys/time.h", Library::clocks},
    Prefix{"sys/timerfd.h", Library::clocks},
    Prefix{"time.h", Library::clocks},
    Prefix{"sanitizer/", Library::system},
    Prefix{"sys/", Library::system},
};

Library library_of(std::string_view header) {
  if (header.ends_with(".pb.h")) return Library::protobuf;
  for (const auto& [text, library] : prefixes) {
    if (header.starts_with(text)) return library;
  }
  if (header == "chrono" || header == "ctime") return Library::clocks;
  if (header.find('/') != std::string_view::npos) return Library::unknown;
  if (header.find('.') == std::string_view::npos) return Library::standard;
  return header.ends_with(".h") ? Library::system : Library::unknown;
}

struct Layer {
  std::string_view folder;
  std::vector<std::string_view> folders;  // of ours, beside itself
  std::vector<Library> libraries;
};

const std::vector<Layer>& layers() {
  using enum Library;
  static const std::vector<Layer> table{
      // Durations are values; what policy/ must not do is read a clock.
      {"policy", {}, {standard, clocks}},
      {"model", {}, {standard, system, expected, json, pcre2, utf8proc}},
      {"transport", {}, {standard, clocks, sockets, system, expected, protobuf, openssl, caf}},
      {"monitoring", {}, {standard, clocks, system, expected, prometheus, spdlog}},
      {"http", {"transport"}, {standard, clocks, sockets, system, expected, httplib}},
      {"actors",
       {"transport", "policy", "model", "monitoring"},
       {standard, clocks, system, expected, caf}},
      {"api",
       {"actors", "http", "transport", "policy", "model"},
       {standard, clocks, system, expected, json, caf}},
      {"load",
       {"actors", "transport", "policy", "model", "monitoring"},
       {standard, clocks, system, expected, json, caf}},
      {"apps",
       {"api", "load", "actors", "http", "transport", "policy", "model", "monitoring"},
       {standard, clocks, sockets, system, expected, json, openssl, caf, prometheus, spdlog, cli,
        toml}},
      {"bench",
       {"apps", "api", "load", "actors", "http", "transport", "policy", "model", "monitoring"},
       {standard, clocks, sockets, system, expected, json, openssl, caf, prometheus, spdlog, cli,
        benchmark}},
      {"tests",
       {"bench", "apps", "api", "load", "actors", "http", "transport", "policy", "model",
        "monitoring"},
       {standard, clocks, sockets, system, expected, json, pcre2, utf8proc, protobuf, openssl, caf,
        prometheus, spdlog, cli, toml, googletest}},
  };
  return table;
}

const Layer* layer_of(std::string_view path) {
  const std::string_view folder = path.substr(0, path.find('/'));
  const auto found = std::find_if(layers().begin(), layers().end(),
                                  [&](const Layer& layer) { return layer.folder == folder; });
  return found == layers().end() ? nullptr : &*found;
}

template <class T>
bool holds(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool computes_with_torch(std::string_view path) {
  return path.starts_with("model/torch_");
}

bool allowed_library(std::string_view path, const Layer& layer, Library library) {
  if (library == Library::torch) return computes_with_torch(path);
  // SHA-256 for the digests of a model; everything else of OpenSSL belongs to transport/.
  if (library == Library::openssl && path == "model/digest.cpp") return true;
  // Compiled once for each instruction set: files of their own.
  if (library == Library::highway && path.starts_with("model/kernels_")) return true;
  return holds(layer.libraries, library);
}

std::string at(std::string_view path, const Include& include) {
  return std::string(path) + ":" + std::to_string(include.line) + ": ";
}

std::optional<std::string> violation(std::string_view path, const Layer& layer,
                                     const Include& include) {
  if (const Layer* other = layer_of(include.target);
      other != nullptr && include.target.find('/') != std::string::npos &&
      (include.quoted || library_of(include.target) == Library::unknown)) {
    if (!include.quoted) return at(path, include) + "our own headers are included in quotes";
    if (other == &layer || holds(layer.folders, other->folder)) return std::nullopt;
    return at(path, include) + std::string(layer.folder) + "/ must not use " +
           std::string(other->folder) + "/";
  }
  const Library library = library_of(include.target);
  if (include.quoted && library != Library::protobuf) {
    return at(path, include) + "\"" + include.target + "\" is not written from the root";
  }
  if (allowed_library(path, layer, library)) return std::nullopt;
  return at(path, include) + std::string(layer.folder) + "/ must not use <" + include.target + ">";
}

/// Libraries that a translation unit made of `path` sees through our own headers.
std::set<Library> visible_libraries(const SourceTree& tree, const std::string& path) {
  std::set<Library> libraries;
  std::set<std::string> seen{path};
  std::vector<std::string> open{path};
  while (!open.empty()) {
    const auto file = tree.find(open.back());
    open.pop_back();
    if (file == tree.end()) continue;
    for (const Include& include : file->second) {
      libraries.insert(library_of(include.target));
      if (include.quoted && seen.insert(include.target).second) open.push_back(include.target);
    }
  }
  return libraries;
}

/// The text with block comments replaced by blanks; line breaks stay.
std::string without_block_comments(std::string_view text) {
  std::string out(text);
  for (std::size_t begin = out.find("/*"); begin != std::string::npos;
       begin = out.find("/*", begin)) {
    const std::size_t close = out.find("*/", begin + 2);
    const std::size_t end = close == std::string::npos ? out.size() : close + 2;
    for (; begin < end; ++begin) {
      if (out[begin] != '\n') out[begin] = ' ';
    }
  }
  return out;
}

}  // namespace

std::vector<Include> scan_includes(std::string_view text) {
  static const std::regex line_form(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  std::vector<Include> includes;
  const std::string code = without_block_comments(text);
  int number = 0;
  for (std::size_t begin = 0; begin < code.size(); ++number) {
    const std::size_t end = std::min(code.find('\n', begin), code.size());
    const std::string line = code.substr(begin, end - begin);
    std::smatch match;
    if (line.find("include") != std::string::npos && std::regex_match(line, match, line_form)) {
      includes.push_back({match[2].str(), match[1].str() == "\"", number + 1});
    }
    begin = end + 1;
  }
  return includes;
}

SourceTree scan_tree(const std::filesystem::path& root) {
  SourceTree tree;
  for (auto entry = std::filesystem::recursive_directory_iterator(root);
       entry != std::filesystem::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    if (entry->is_directory() && (name.starts_with('.') || name == "build")) {
      entry.disable_recursion_pending();
      continue;
    }
    const auto extension = entry->path().extension();
    if (!entry->is_regular_file() || (extension != ".hpp" && extension != ".cpp")) continue;
    std::ifstream stream(entry->path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    tree.emplace(entry->path().lexically_relative(root).generic_string(), scan_includes(text));
  }
  return tree;
}

std::vector<std::string> layering_violations(const SourceTree& tree) {
  std::vector<std::string> violations;
  for (const auto& [path, includes] : tree) {
    const Layer* layer = layer_of(path);
    if (layer == nullptr || path.find('/') == std::string::npos) {
      violations.push_back(path + ": lies in no layer");
      continue;
    }
    for (const Include& include : includes) {
      if (auto sentence = violation(path, *layer, include)) {
        violations.push_back(std::move(*sentence));
      }
    }
    if (!path.ends_with(".cpp")) continue;
    const std::set<Library> visible = visible_libraries(tree, path);
    if (!visible.contains(Library::torch)) continue;
    if (!computes_with_torch(path)) {
      violations.push_back(path + ": sees libtorch through a header; only model/torch_* may");
    }
    if (visible.contains(Library::protobuf)) {
      violations.push_back(path + ": sees both libtorch and Protobuf");
    }
  }
  return violations;
}

}  // namespace cecollm::tests
