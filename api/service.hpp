#pragma once
// The edge's HTTP API: OpenAI's routes, served by the edge's actors.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <caf/all.hpp>

#include "actors/edge_handles.hpp"
#include "api/answer.hpp"
#include "api/chat_request.hpp"
#include "api/completion_request.hpp"
#include "api/error.hpp"
#include "api/running_choices.hpp"
#include "api/served_model.hpp"
#include "http/message.hpp"
#include "model/chat_template.hpp"
#include "model/tokenizer.hpp"

namespace cecollm::api {

struct ServiceSetting {
  caf::actor_system* system = nullptr;  // not null; outlives the service and its handlers
  actors::edge_supervisor_actor edge;
  ServedModel model;
  std::shared_ptr<const model::Tokenizer> tokenizer;         // null: prompts come as ids
  std::shared_ptr<const model::ChatTemplate> chat_template;  // null: no chats
  std::string no_chat_reason;                                // why it is null, as a sentence
  /// What a request leaves out. Called from any thread.
  std::function<actors::GenerationRequest()> defaults;
  /// False: nothing new is served. Called from any thread.
  std::function<bool()> accepting;
  std::size_t max_streams = 64;  // generations at a time
};

/// Outlives the server that has its routes.
class Service {
 public:
  explicit Service(ServiceSetting setting);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  std::vector<http::Route> routes();
  /// True once no generation of the API runs; false where `limit` passes first.
  bool wait_until_idle(std::chrono::milliseconds limit) { return slots_.wait_until_idle(limit); }

 private:
  http::Response complete(const http::Request& request, http::Client& client);
  http::Response chat(const http::Request& request, http::Client& client);
  /// What `request` leaves out, and whose it is.
  actors::GenerationRequest defaults_of(const http::Request& request) const;
  /// The ids of `prompt`, and its text where `with_text`.
  struct Encoded {
    std::vector<model::TokenId> ids;
    std::string text;
  };
  Result<Encoded> encode(const Prompt& prompt, bool with_text) const;
  /// The ids of what the template makes of the messages, in which special tokens count only where
  /// the template wrote them.
  Result<Encoded> encode(ChatRequest request) const;
  Result<Encoded> checked(Encoded encoded, const char* param) const;
  /// Starts options.n generations for each prompt, and answers with what comes of them.
  http::Response generate(const std::vector<Encoded>& prompts, const GenerationOptions& options,
                          std::unique_ptr<const ResponseWriter> writer, http::Client& client);
  ResponseHead new_head(std::string_view kind);
  TokenDetail detail_of(const GenerationOptions& options) const;
  http::Response models() const;
  http::Response tokenize(const http::Request& request) const;
  http::Response detokenize(const http::Request& request) const;

  ServiceSetting setting_;
  StreamSlots slots_;
  std::int64_t started_;  // seconds since 1970
  std::string instance_;  // of the ids of this service's responses
  std::atomic<std::uint64_t> requests_ = 0;
};

}  // namespace cecollm::api
