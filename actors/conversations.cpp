#include "actors/conversations.hpp"

#include <optional>
#include <utility>

#include "policy/conversation.hpp"

namespace cecollm::actors {
namespace {

using ConversationsSelf = conversations_actor::stateful_pointer<ConversationsState>;
using Entry = std::list<ConversationsState::Kept>::iterator;

void show_kept(const ConversationsState& state) {
  state.setting.metrics->conversations_kept.Set(static_cast<double>(state.kept.size()));
  state.setting.metrics->conversation_bytes.Set(static_cast<double>(state.bytes));
}

Conversation remove(ConversationsState& state, Entry entry) {
  auto conversation = std::move(entry->conversation);
  state.bytes -= conversation.bytes;
  state.kept.erase(entry);
  return conversation;
}

/// Frees what others hold of it.
void give_up(ConversationsSelf self, const Conversation& conversation) {
  const auto& setting = self->state.setting;
  caf::anon_send(setting.shallow, EndShallow{conversation.context});
  if (conversation.uploaded) {
    caf::anon_send(setting.link, CloseUpload{conversation.context, false});
  }
  setting.metrics->conversations_dropped.Increment();
}

void give_up_first(ConversationsSelf self) {
  give_up(self, remove(self->state, self->state.kept.begin()));
}

void sweep_later(ConversationsSelf self) {
  auto& state = self->state;
  if (state.kept.empty() || std::exchange(state.sweeping, true)) return;
  self->delayed_send(self, state.kept.front().expires - self->clock().now(), ExpireConversations{});
}

void keep(ConversationsSelf self, const KeepConversation& request) {
  auto& state = self->state;
  const auto& limits = state.setting.limits;
  state.bytes += request.conversation.bytes;
  state.kept.push_back({request.conversation, self->clock().now() + limits.ttl});
  while (state.kept.size() > limits.max_kept || state.bytes > limits.max_bytes) {
    give_up_first(self);
  }
  show_kept(state);
  sweep_later(self);
}

/// The one of which the prompt takes the most rows over.
TakenConversation take(ConversationsSelf self, const TakeConversation& request) {
  auto& state = self->state;
  std::optional<Entry> best;
  std::size_t most = 0;
  for (auto entry = state.kept.begin(); entry != state.kept.end(); ++entry) {
    const auto& conversation = entry->conversation;
    if (conversation.owner != request.owner || conversation.uploaded != request.uploaded) continue;
    const auto rows = policy::rows_to_resume(conversation.ids, conversation.rows, request.prompt);
    if (!rows || *rows <= most) continue;
    best = entry;
    most = *rows;
  }
  if (!best) return {};
  const auto conversation = remove(state, *best);
  show_kept(state);
  return {conversation.context, most};
}

void expire(ConversationsSelf self) {
  auto& state = self->state;
  state.sweeping = false;
  while (!state.kept.empty() && state.kept.front().expires <= self->clock().now()) {
    give_up_first(self);
  }
  show_kept(state);
  sweep_later(self);
}

}  // namespace

conversations_actor::behavior_type conversations(ConversationsSelf self,
                                                 ConversationsSetting setting) {
  self->state.setting = std::move(setting);
  return {
      [self](const KeepConversation& request) { keep(self, request); },
      [self](const TakeConversation& request) { return take(self, request); },
      [self](const ExpireConversations&) { expire(self); },
  };
}

}  // namespace cecollm::actors
