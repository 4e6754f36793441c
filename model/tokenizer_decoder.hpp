#pragma once
// From token pieces back to text, one piece at a time. Internal to the tokenizer.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/tokenizer_json.hpp"
#include "model/tokenizer_pre_tokenizer.hpp"
#include "model/tokenizer_replacement.hpp"

namespace cecollm::model {

/// The decoder as the file describes it: steps that pieces pass through in order.
class Decoder {
 public:
  struct ByteLevel {};     // pieces spell bytes, the bytes are UTF-8
  struct ByteFallback {};  // pieces like <0x0A> are bytes
  struct Fuse {};          // from here on it is one text, no longer pieces
  struct Join {};          // no decoder at all: pieces with spaces between them
  struct Strip {           // up to so many characters off the ends
    std::string character;
    std::size_t start;
    std::size_t stop;
    bool fused;  // of the whole text, not of each piece
  };
  struct Metaspace {
    std::string mark;
    PrependScheme prepend;
  };
  using Step = std::variant<ByteLevel, ByteFallback, Fuse, Join, Strip, Metaspace, Replacement>;

  /// Takes `decoder`. Problems go to the view's diagnosis.
  static Decoder parse(const JsonView& component);
  const std::vector<Step>& steps() const { return steps_; }

 private:
  void add(const JsonView& component, int depth);
  void add_strip(const JsonView& component);

  std::vector<Step> steps_;
  bool fused_ = false;
};

/// One pass of a decoder over a sequence of pieces. What it gives for each piece depends on the
/// pieces so far alone, so streaming and decoding at once are the same thing. Ill-formed bytes:
/// ByteLevel gives one U+FFFD for each maximal subpart, ByteFallback one for each byte that is not
/// part of a character. (Hugging Face tokenizers give up a whole run of byte pieces where one of
/// them is ill-formed; a stream could show none of it before its end.)
/// Refers to the decoder, which must outlive it.
class DecoderStream {
 public:
  explicit DecoderStream(const Decoder& decoder);
  DecoderStream(DecoderStream&&) noexcept;
  DecoderStream& operator=(DecoderStream&&) noexcept;
  ~DecoderStream();

  /// Appends to `text` what `piece` completes: whole characters only.
  void push(std::string_view piece, std::string& text);
  /// Appends what was held back.
  void finish(std::string& text);

  class Stage;

 private:
  class Output;
  std::vector<std::unique_ptr<Stage>> stages_;
  Output* output_;  // the last stage
};

}  // namespace cecollm::model
