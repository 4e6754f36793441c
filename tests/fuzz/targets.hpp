#pragma once
// What is fuzzed: one function for each kind of bytes that come from outside, in a file of its
// name. libFuzzer calls one of them (fuzz_main.cpp), the fast tests call all of them with the kept
// inputs (corpus_test.cpp).

#include <stdexcept>
#include <string>
#include <string_view>

namespace cecollm::fuzz {

/// A target lets any input pass, accepted or refused. Thrown where what holds for all inputs does
/// not hold for this one; libFuzzer counts it as a crash.
class BrokenProperty : public std::logic_error {
  using std::logic_error::logic_error;
};
inline void require(bool holds, const std::string& property) {
  if (!holds) throw BrokenProperty(property);
}

void frame_stream(std::string_view input);        // bytes of a connection, cut into frames
void wire_message(std::string_view input);        // one envelope
void safetensors(std::string_view input);         // a checkpoint file, or its header alone
void model_config(std::string_view input);        // config.json and generation_config.json
void tokenizer_json(std::string_view input);      // tokenizer.json, and text with what it describes
void chat_template(std::string_view input);       // a template, and a chat through it
void completion_request(std::string_view input);  // bodies of the HTTP API
void http_request(std::string_view input);        // bytes of an HTTP connection
void toml_settings(std::string_view input);       // the configuration of a node
void link_description(std::string_view input);    // traces and specifications of emulated links
void recording(std::string_view input);           // a file of cecollm record

}  // namespace cecollm::fuzz
