#pragma once
// Internal to cloud_link*.cpp: the two halves of the link. `connection` functions live in
// cloud_link.cpp, `context` functions in cloud_link_contexts.cpp.

#include "actors/cloud_link.hpp"

namespace cecollm::actors::link {

using Self = cloud_link_actor::stateful_pointer<CloudLinkState>;

// --- connection
using Frame = std::shared_ptr<const std::vector<char>>;
/// Queues one frame; counts it for `upload` where given. Requires a connection.
void send(Self self, Frame frame, Upload* upload);
void send(Self self, const transport::Message& message, Upload* upload);

// --- contexts
void open_upload(Self self, const OpenUpload& request);
void generate_on_cloud(Self self, const GenerateOnCloud& request);
void add_rows(Self self, const UploadRows& rows);
void ask(Self self, const AskCloud& request);
void abandon(Self self, const AbandonAsk& late);
/// Standalone begins or ends.
void hold_rows(Self self, bool hold);
/// Tells the probe whether the day's budget allows uploads.
void look_at_budget(Self self);
caf::typed_response_promise<UploadStats> close(Self self, const CloseUpload& request);

/// The cloud has said welcome: open every context anew.
void resume_all(Self self);
/// The connection is gone: fail what waits for an answer, keep the rows.
void suspend_all(Self self, const std::string& reason, bool mismatch);

/// One message of the cloud that names a context.
void rows_held(Self self, const transport::RowsHeld& held, std::size_t frame_bytes);
void replied(Self self, const transport::Reply& reply, std::size_t frame_bytes);
void generated(Self self, const transport::Generated& token, std::size_t frame_bytes);
void context_fault(Self self, const transport::Fault& fault, std::size_t frame_bytes);

}  // namespace cecollm::actors::link
