#pragma once
// What a chat template's operators do with values, as Python has them. Internal to the chat
// template. Failures go to the run; the result is undefined then.

#include <string_view>

#include "model/chat_template_run.hpp"
#include "model/chat_template_tree.hpp"
#include "model/chat_value.hpp"

namespace cecollm::model {

/// A list or map of these, paid for.
ChatValue list_of(ChatItems items, TemplateRun& run);
ChatValue map_of(ChatEntries entries, TemplateRun& run);
ChatValue text_of(std::string text, TemplateRun& run);

ChatValue combine(BinaryOperator operation, const ChatValue& a, const ChatValue& b,
                  TemplateRun& run);
/// Minus or plus.
ChatValue signed_value(UnaryOperator operation, const ChatValue& value, TemplateRun& run);
bool compare(Comparison comparison, const ChatValue& a, const ChatValue& b, TemplateRun& run);

/// `object[index]`, undefined where there is none; `object` itself must be defined.
ChatValue element(const ChatValue& object, const ChatValue& index, TemplateRun& run);
/// `object.name`, where that is a value: methods are for calling only.
ChatValue attribute(const ChatValue& object, std::string_view name, TemplateRun& run);
/// `object[start:stop:step]`; none and undefined mean what Python means by leaving them out.
ChatValue slice(const ChatValue& object, const ChatValue& start, const ChatValue& stop,
                const ChatValue& step, TemplateRun& run);
/// What a loop over `value` visits: items, keys, characters; nothing of an undefined value.
ChatItems items_of(const ChatValue& value, TemplateRun& run);

}  // namespace cecollm::model
