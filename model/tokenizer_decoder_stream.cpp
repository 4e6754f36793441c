#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "model/tokenizer_byte_level.hpp"
#include "model/tokenizer_decoder.hpp"
#include "model/unicode.hpp"

namespace cecollm::model {

/// One step at work: takes pieces, gives pieces to the next stage.
class DecoderStream::Stage {
 public:
  Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  virtual ~Stage() = default;

  virtual void push(std::string_view piece) = 0;
  /// Gives on what was held back. The stages are finished in order.
  virtual void finish() {}

  void give_to(Stage* next) { next_ = next; }

 protected:
  void give(std::string_view piece) { next_->push(piece); }

 private:
  Stage* next_ = nullptr;
};

class DecoderStream::Output : public Stage {
 public:
  void push(std::string_view piece) override { *text_ += piece; }
  void write_to(std::string& text) { text_ = &text; }

 private:
  std::string* text_ = nullptr;
};

namespace {

using Stage = DecoderStream::Stage;

class ByteLevelStage : public Stage {
 public:
  void push(std::string_view piece) override {
    append_bytes_of(piece, bytes_);
    std::string text;
    std::size_t done = 0;
    while (done < bytes_.size()) {
      const std::string_view rest = std::string_view(bytes_).substr(done);
      const Utf8Step step = next_utf8(rest);
      if (step.kind == Utf8Step::Kind::incomplete) break;
      text += step.kind == Utf8Step::Kind::character ? rest.substr(0, step.length)
                                                     : replacement_character;
      done += step.length;
    }
    bytes_.erase(0, done);
    give(text);
  }

  void finish() override {
    if (!bytes_.empty()) give(replacement_character);
    bytes_.clear();
  }

 private:
  std::string bytes_;  // of an incomplete character
};

std::optional<char> byte_of_piece(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece.back() != '>') return std::nullopt;
  int value = 0;
  for (const char digit : piece.substr(3, 2)) {
    value *= 16;
    if (digit >= '0' && digit <= '9') {
      value += digit - '0';
    } else if (digit >= 'A' && digit <= 'F') {
      value += digit - 'A' + 10;
    } else if (digit >= 'a' && digit <= 'f') {
      value += digit - 'a' + 10;
    } else {
      return std::nullopt;
    }
  }
  return static_cast<char>(value);
}

class ByteFallbackStage : public Stage {
 public:
  void push(std::string_view piece) override {
    if (const auto byte = byte_of_piece(piece)) {
      bytes_ += *byte;
      give_characters();
    } else {
      finish();
      give(piece);
    }
  }

  void finish() override {
    for (std::size_t i = 0; i < bytes_.size(); ++i) give(replacement_character);
    bytes_.clear();
  }

 private:
  void give_characters() {
    while (!bytes_.empty()) {
      const Utf8Step step = next_utf8(bytes_);
      if (step.kind == Utf8Step::Kind::incomplete) return;
      const bool well_formed = step.kind == Utf8Step::Kind::character;
      give(well_formed ? std::string_view(bytes_).substr(0, step.length) : replacement_character);
      bytes_.erase(0, well_formed ? step.length : 1);
    }
  }

  std::string bytes_;  // of an incomplete character
};

class FuseStage : public Stage {
 public:
  void push(std::string_view piece) override { give(piece); }
};

class JoinStage : public Stage {
 public:
  void push(std::string_view piece) override {
    if (!first_) give(" ");
    first_ = false;
    give(piece);
  }

 private:
  bool first_ = true;
};

class ReplacementStage : public Stage {
 public:
  explicit ReplacementStage(const Replacement& replacement) : replacement_(replacement) {}
  void push(std::string_view piece) override { give(replacement_.apply(piece)); }

 private:
  const Replacement& replacement_;
};

class MetaspaceStage : public Stage {
 public:
  explicit MetaspaceStage(const Decoder::Metaspace& step) : step_(step) {}

  void push(std::string_view piece) override {
    const std::string_view space = first_ && step_.prepend != PrependScheme::never ? "" : " ";
    first_ = false;
    std::string text;
    while (!piece.empty()) {
      const std::string_view character = piece.substr(0, next_utf8(piece).length);
      text += character == step_.mark ? space : character;
      piece.remove_prefix(character.size());
    }
    give(text);
  }

 private:
  const Decoder::Metaspace& step_;
  bool first_ = true;
};

class PieceStripStage : public Stage {
 public:
  explicit PieceStripStage(const Decoder::Strip& step) : step_(step) {}

  void push(std::string_view piece) override {
    const std::string_view character = step_.character;
    for (std::size_t i = 0; i < step_.start && piece.starts_with(character); ++i) {
      piece.remove_prefix(character.size());
    }
    for (std::size_t i = 0; i < step_.stop && piece.ends_with(character); ++i) {
      piece.remove_suffix(character.size());
    }
    give(piece);
  }

 private:
  const Decoder::Strip& step_;
};

// Of the text as a whole: what might turn out to be its end is held back.
class TextStripStage : public Stage {
 public:
  explicit TextStripStage(const Decoder::Strip& step) : step_(step), to_strip_(step.start) {}

  void push(std::string_view piece) override {
    std::string text;
    while (!piece.empty()) {
      const std::string_view character = piece.substr(0, next_utf8(piece).length);
      piece.remove_prefix(character.size());
      const bool matches = character == step_.character;
      if (matches && to_strip_ > 0) {
        --to_strip_;
        continue;
      }
      to_strip_ = 0;
      if (matches && held_ < step_.stop) {
        ++held_;
        continue;
      }
      if (!matches) {
        for (; held_ > 0; --held_) text += step_.character;
      }
      text += character;
    }
    give(text);
  }

 private:
  const Decoder::Strip& step_;
  std::size_t to_strip_;
  std::size_t held_ = 0;
};

std::unique_ptr<Stage> make_stage(const Decoder::Step& step) {
  if (std::holds_alternative<Decoder::ByteLevel>(step)) return std::make_unique<ByteLevelStage>();
  if (std::holds_alternative<Decoder::ByteFallback>(step)) {
    return std::make_unique<ByteFallbackStage>();
  }
  if (std::holds_alternative<Decoder::Join>(step)) return std::make_unique<JoinStage>();
  if (const auto* metaspace = std::get_if<Decoder::Metaspace>(&step)) {
    return std::make_unique<MetaspaceStage>(*metaspace);
  }
  if (const auto* replacement = std::get_if<Replacement>(&step)) {
    return std::make_unique<ReplacementStage>(*replacement);
  }
  if (const auto* strip = std::get_if<Decoder::Strip>(&step)) {
    if (strip->fused) return std::make_unique<TextStripStage>(*strip);
    return std::make_unique<PieceStripStage>(*strip);
  }
  return std::make_unique<FuseStage>();
}

}  // namespace

DecoderStream::DecoderStream(const Decoder& decoder) {
  for (const Decoder::Step& step : decoder.steps()) stages_.push_back(make_stage(step));
  auto output = std::make_unique<Output>();
  output_ = output.get();
  stages_.push_back(std::move(output));
  for (std::size_t i = 0; i + 1 < stages_.size(); ++i) stages_[i]->give_to(stages_[i + 1].get());
}

DecoderStream::DecoderStream(DecoderStream&&) noexcept = default;
DecoderStream& DecoderStream::operator=(DecoderStream&&) noexcept = default;
DecoderStream::~DecoderStream() = default;

void DecoderStream::push(std::string_view piece, std::string& text) {
  output_->write_to(text);
  stages_.front()->push(piece);
}

void DecoderStream::finish(std::string& text) {
  output_->write_to(text);
  for (const auto& stage : stages_) stage->finish();
}

}  // namespace cecollm::model
