#include "model/tokenizer_spec.hpp"

#include <cstddef>
#include <utility>

#include "model/json_file.hpp"
#include "model/quoting.hpp"
#include "model/tokenizer_json.hpp"

namespace cecollm::model {

namespace {

// The largest known files have some 35 MB.
constexpr std::size_t largest_file = std::size_t{64} << 20;

void check_version_and_model(const JsonView& document) {
  const JsonView version = document.member("version");
  if (!version.is_null() && version.string() != "1.0") {
    version.unsupported("is " + in_quotes(version.string()) + "; only version 1.0 is known");
  }
  const JsonView model = document.member("model");
  if (model.is_null()) return model.malformed("is missing");
  // Early files leave the type out.
  const JsonView type = model.member("type");
  if (!type.is_null() && type.string() != "BPE") {
    type.unsupported("is " + in_quotes(type.string()) + "; only BPE models are implemented");
  }
}

}  // namespace

Result<std::unique_ptr<TokenizerSpec>> read_tokenizer_spec(const std::filesystem::path& file) {
  auto json = read_json_object(file, largest_file);
  if (!json) return tl::unexpected(std::move(json.error()));
  Diagnosis diagnosis{file.string(), std::nullopt};
  const JsonView document(*json, diagnosis);

  auto spec = std::make_unique<TokenizerSpec>();
  const auto step = [&diagnosis](auto& part, auto&& parse) {
    if (!diagnosis.error) part = parse();
  };
  check_version_and_model(document);
  const JsonView model = document.member("model");
  step(spec->vocabulary, [&] { return Vocabulary::parse(model.member("vocab")); });
  step(spec->normalizer, [&] { return Normalizer::parse(document.member("normalizer")); });
  step(spec->added_tokens, [&] {
    return AddedTokens::parse(document.member("added_tokens"), spec->normalizer, spec->vocabulary);
  });
  step(spec->pre_tokenizer, [&] { return PreTokenizer::parse(document.member("pre_tokenizer")); });
  step(spec->bpe,
       [&] { return Bpe::parse(model, spec->vocabulary, spec->pre_tokenizer.byte_level()); });
  step(spec->post_processor,
       [&] { return Template::parse(document.member("post_processor"), spec->vocabulary); });
  step(spec->decoder, [&] { return Decoder::parse(document.member("decoder")); });
  if (diagnosis.error) return tl::unexpected(std::move(*diagnosis.error));
  return spec;
}

}  // namespace cecollm::model
