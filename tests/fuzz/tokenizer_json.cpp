// tokenizer.json; where it is one, texts go to ids and back through it, and what follows a zero
// byte is one of them.

#include <string>
#include <vector>

#include "model/tokenizer.hpp"
#include "tests/fuzz/scratch_files.hpp"
#include "tests/fuzz/targets.hpp"

namespace cecollm::fuzz {
namespace {

void check_text(const model::Tokenizer& tokenizer, std::string_view text) {
  const auto ids = tokenizer.encode(text, true);
  model::StreamingDetokenizer stream(tokenizer, false);
  std::string streamed;
  for (const auto id : ids) streamed += stream.push(id);
  streamed += stream.flush();
  require(streamed == tokenizer.decode(ids, false), "a stream gives the text of the whole");
}

}  // namespace

void tokenizer_json(std::string_view input) {
  static const ScratchFiles files;
  const auto end = input.find('\0');
  const auto tokenizer =
      model::Tokenizer::load(files.write("tokenizer.json", input.substr(0, end)));
  if (!tokenizer) {
    require(!tokenizer.error().message.empty(), "a refusal says why");
    return;
  }
  check_text(*tokenizer, "Once upon  a time,\n\tit's 2026: \xc3\xa9\xf0\x9f\x98\x80 <s>");
  if (end != std::string_view::npos) check_text(*tokenizer, input.substr(end + 1));
}

}  // namespace cecollm::fuzz
