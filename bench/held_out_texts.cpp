#include "bench/held_out_texts.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "model/json_file.hpp"

namespace cecollm::bench {
namespace {

constexpr std::size_t prompt_characters = 60;
constexpr std::size_t most_bytes = std::size_t{64} << 20U;

apps::Failure malformed(const std::filesystem::path& file, const std::string& what) {
  return {apps::ExitCode::misused, file.string() + ": " + what};
}

apps::Outcome<nlohmann::json> json_in(const std::filesystem::path& file) {
  const auto text = model::read_file(file, most_bytes);
  if (!text) return tl::unexpected(apps::to_failure(text.error()));
  auto json = nlohmann::json::parse(*text, nullptr, false);
  if (json.is_discarded()) return tl::unexpected(malformed(file, "is no JSON"));
  return json;
}

std::optional<AnswerKind> answer_kind(const std::string& type) {
  if (type == "contains") return AnswerKind::contains;
  if (type == "yesno") return AnswerKind::yes_no;
  if (type == "number") return AnswerKind::number;
  return std::nullopt;
}

}  // namespace

apps::Outcome<std::vector<HeldOutPrompt>> held_out_prompts(const std::filesystem::path& file) {
  const auto kinds = json_in(file);
  if (!kinds) return tl::unexpected(kinds.error());
  std::vector<HeldOutPrompt> prompts;
  for (const auto& [kind, texts] : kinds->items()) {
    for (const auto& text : texts) {
      if (!text.is_string()) {
        return tl::unexpected(malformed(file, "'" + kind + "' is no list of texts"));
      }
      const auto whole = text.get<std::string>();
      const auto end = whole.find(' ', std::min(whole.size(), prompt_characters));
      prompts.push_back({kind, whole.substr(0, end)});
    }
  }
  return prompts;
}

apps::Outcome<std::vector<HeldOutQuestion>> held_out_questions(const std::filesystem::path& file) {
  const auto list = json_in(file);
  if (!list) return tl::unexpected(list.error());
  std::vector<HeldOutQuestion> questions;
  for (const auto& entry : *list) {
    const auto text = [&](const char* name) {
      const auto found = entry.is_object() ? entry.find(name) : entry.end();
      return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    HeldOutQuestion question{text("prompt"), text("answer"), AnswerKind::contains};
    const auto kind = answer_kind(text("type"));
    if (question.prompt.empty() || question.key.empty() || !kind) {
      return tl::unexpected(
          malformed(file, "question " + std::to_string(questions.size() + 1) +
                              " lacks a prompt, an answer, or a type of contains, yesno, number"));
    }
    question.kind = *kind;
    questions.push_back(std::move(question));
  }
  return questions;
}

}  // namespace cecollm::bench
