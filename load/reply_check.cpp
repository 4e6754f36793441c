#include "load/reply_check.hpp"

#include <algorithm>
#include <string>

namespace cecollm::load {
namespace {

policy::Source source_of(const RecordedToken& token) {
  using Kind = policy::Source::Kind;
  if (token.head == model::final_head) return {Kind::cloud, 0};
  return {Kind::exit, static_cast<std::size_t>(token.head)};
}

}  // namespace

ReplyVerdict check_token(const RecordedToken& recorded, const actors::TokenEvent& token) {
  using Kind = policy::Source::Kind;
  ReplyVerdict verdict;
  const auto place = "token " + std::to_string(token.index);
  if (token.source.kind == Kind::fallback && recorded.head == model::final_head) {
    const auto outcome = token.ask ? token.ask->outcome : monitoring::AskOutcome::lost;
    verdict.error = {error_of(outcome), place + " was taken from the last exit"};
    return verdict;
  }
  const auto source = source_of(recorded);
  if (token.source != source) {
    verdict.error = {ErrorKind::wrong_source, place + " is from " + name_of(token.source) +
                                                  ", recorded from " + name_of(source)};
    return verdict;
  }
  verdict.checked = source.kind == Kind::cloud;
  if (token.token == recorded.id) return verdict;
  verdict.tolerated = verdict.checked && std::ranges::count(recorded.close_ids, token.token) > 0;
  if (!verdict.tolerated) {
    verdict.error = {ErrorKind::wrong_reply, place + " is id " + std::to_string(token.token) +
                                                 ", recorded id " + std::to_string(recorded.id)};
  }
  return verdict;
}

}  // namespace cecollm::load
