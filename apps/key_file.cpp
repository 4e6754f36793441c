#include "apps/key_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/socket.hpp"

namespace cecollm::apps {
namespace {

/// Far above ApiKeys::max_keys lines.
constexpr std::size_t max_key_file_bytes = 4U << 20U;

constexpr std::string_view heading =
    "# Keys of cecollm's HTTP API: name, time of making, salted hash. Change it with 'cecollm "
    "keys'.\n";

std::string system_reason() {
  return std::strerror(errno);
}

/// The whole text; nothing where there is no such file.
Outcome<std::optional<std::string>> read_if_there(const std::filesystem::path& file) {
  std::error_code problem;
  if (!std::filesystem::exists(file, problem)) return std::optional<std::string>();
  std::ifstream stream(file, std::ios::binary);
  std::string text(max_key_file_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (!stream && !stream.eof())) {
    return misused(file.string() + " cannot be read as a file of keys");
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > max_key_file_bytes) {
    return misused(file.string() + " is longer than a file of keys can be");
  }
  return std::optional(std::move(text));
}

/// The whole text of a file that has to be there.
Outcome<std::string> read_text(const std::filesystem::path& file) {
  auto text = read_if_there(file);
  if (!text) return tl::unexpected(text.error());
  if (!*text) {
    return misused(file.string() +
                   " does not exist; 'cecollm keys add' makes it with its first key");
  }
  return **std::move(text);
}

/// The next version of a file, beside it until it takes its place. That it exists keeps other
/// changes out.
class Replacement {
 public:
  static Outcome<Replacement> begin(const std::filesystem::path& file) {
    std::error_code ignored;
    // What a link names is replaced, not the link.
    auto target = std::filesystem::weakly_canonical(file, ignored);
    if (target.empty()) target = file;
    auto beside = target;
    beside += ".new";
    transport::Socket open(
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (open.valid()) return Replacement(std::move(target), std::move(beside), std::move(open));
    if (errno == EEXIST) {
      return misused(beside.string() +
                     " is there: another change is under way, or was cut off; then remove it");
    }
    return misused(beside.string() + " cannot be written: " + system_reason());
  }
  Replacement(Replacement&& other) noexcept
      : target_(std::move(other.target_)),
        beside_(std::exchange(other.beside_, {})),
        open_(std::move(other.open_)) {}
  Replacement& operator=(Replacement&&) = delete;
  ~Replacement() {
    if (!beside_.empty()) ::unlink(beside_.c_str());
  }

  Outcome<void> finish(std::string_view text) {
    if (!take_over_rights() || !write_all(text) || ::fsync(open_.get()) != 0 ||
        ::rename(beside_.c_str(), target_.c_str()) != 0) {
      return misused(target_.string() + " cannot be replaced: " + system_reason());
    }
    beside_.clear();
    return {};
  }

 private:
  Replacement(std::filesystem::path target, std::filesystem::path beside, transport::Socket open)
      : target_(std::move(target)), beside_(std::move(beside)), open_(std::move(open)) {}

  bool take_over_rights() {
    struct stat before {};
    if (::stat(target_.c_str(), &before) != 0) return errno == ENOENT;
    struct stat now {};
    if (::fstat(open_.get(), &now) != 0) return false;
    const bool same_owner = now.st_uid == before.st_uid && now.st_gid == before.st_gid;
    if (!same_owner && ::fchown(open_.get(), before.st_uid, before.st_gid) != 0) return false;
    return ::fchmod(open_.get(), before.st_mode & 07777U) == 0;
  }
  bool write_all(std::string_view text) {
    while (!text.empty()) {
      const auto written = ::write(open_.get(), text.data(), text.size());
      if (written < 0 && errno != EINTR) return false;
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

  std::filesystem::path target_;
  std::filesystem::path beside_;  // empty once it has taken the other's place
  transport::Socket open_;
};

std::string utc_text_of(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

bool holds(const ApiKeys& keys, std::string_view name) {
  for (const auto& key : keys.all()) {
    if (key.name == name) return true;
  }
  return false;
}

}  // namespace

Outcome<ApiKeys> load_api_keys(const std::filesystem::path& file) {
  const auto text = read_text(file);
  if (!text) return tl::unexpected(text.error());
  return ApiKeys::parse(*text, file.string());
}

Outcome<std::string> add_api_key(const std::filesystem::path& file, const std::string& name,
                                 std::chrono::system_clock::time_point now) {
  if (auto problem = problem_with_key_name(name)) return misused(*std::move(problem));
  auto replacement = Replacement::begin(file);
  if (!replacement) return tl::unexpected(replacement.error());
  const auto text = read_if_there(file);
  if (!text) return tl::unexpected(text.error());
  std::string lines = text->value_or(std::string(heading));
  const auto keys = ApiKeys::parse(lines, file.string());
  if (!keys) return tl::unexpected(keys.error());
  if (holds(*keys, name)) {
    return misused(file.string() + " has a key called " + name +
                   " already; remove it first, or choose another name");
  }
  if (keys->all().size() == ApiKeys::max_keys) {
    return misused(file.string() + " has " + std::to_string(ApiKeys::max_keys) +
                   " keys, as many as it may");
  }
  auto fresh = make_api_key(name, utc_text_of(now));
  if (!fresh) return tl::unexpected(fresh.error());
  if (!lines.empty() && !lines.ends_with('\n')) lines += '\n';
  lines += line_of(fresh->kept) + "\n";
  if (auto done = replacement->finish(lines); !done) return tl::unexpected(done.error());
  return std::move(fresh->secret);
}

Outcome<void> remove_api_key(const std::filesystem::path& file, std::string_view name) {
  auto replacement = Replacement::begin(file);
  if (!replacement) return tl::unexpected(replacement.error());
  const auto text = read_text(file);
  if (!text) return tl::unexpected(text.error());
  const auto keys = ApiKeys::parse(*text, file.string());
  if (!keys) return tl::unexpected(keys.error());
  if (!holds(*keys, name)) {
    return misused(file.string() + " has no key called " + std::string(name));
  }
  std::istringstream lines(*text);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    std::string word;
    std::istringstream(line) >> word;
    if (word != name) kept += line + "\n";
  }
  return replacement->finish(kept);
}

}  // namespace cecollm::apps
