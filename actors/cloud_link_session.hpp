#pragma once
// Internal to cloud_link*.cpp: the parts of the link. `connection` functions live in
// cloud_link.cpp, `uplink` functions in cloud_link_uplink.cpp, `context` functions in
// cloud_link_contexts.cpp, `timeline` functions in cloud_link_timeline.cpp.

#include "actors/cloud_link.hpp"

namespace cecollm::actors::link {

using Self = cloud_link_actor::stateful_pointer<CloudLinkState>;

// --- connection
using Frame = std::shared_ptr<const std::vector<char>>;
/// Queues one frame; counts it for `upload` where given. Requires a connection.
void send(Self self, Frame frame, Upload* upload);
void send(Self self, const transport::Message& message, Upload* upload);

// --- uplink
bool ready(Self self);
/// There is a cloud, and rows may go to it.
bool can_upload(Self self);
/// Null: closed meanwhile.
Upload* find(Self self, GenerationId generation);
/// What waits for the cloud gets no answer. `skipped`: it was not sent.
void fail_ask(Self self, Upload& upload, std::string reason, bool user_error, bool skipped = false);

/// Row bytes of all generations together.
std::uint64_t kept_bytes(Self self);
/// What is kept and what is queued, for the metrics.
void show_levels(Self self);
/// Rows of this generation that are on their way will not be acknowledged.
void forget_rows(Self self, GenerationId generation);
/// The cost of an ask now, behind everything of ours that is not sent; empty where unknown.
std::optional<policy::AskCost> cost_of_ask(Self self);

/// Sends what the budgets have to pay for; false, and the upload stopped, where they cannot.
bool send_paid(Self self, GenerationId generation, Upload& upload,
               const transport::Message& message);
/// Sends rows of one context as far as the window allows, then what waits behind them.
void pump(Self self, GenerationId generation, Upload& upload);
/// There may be room in the window: for rows of whichever context.
void pump_all(Self self);
/// The cloud holds every row before `next_sequence`; it took `cloud_time` before it said so.
void acknowledge(Self self, GenerationId generation, Upload& upload, std::uint64_t next_sequence,
                 std::chrono::microseconds cloud_time);

/// Nothing more of this generation goes up, for good; the cloud need not keep it. Erases an upload
/// that is closing.
void stop_upload(Self self, GenerationId generation, Upload& upload, std::string reason);
/// The window is full, and the generation does not wait for its last rows: answers it now. The rows
/// follow as they can.
void let_go(Self self, Upload& upload);
/// Says goodbye to the cloud where it has the context, answers the generation, erases the upload;
/// or keeps it, where that is wanted and possible.
void finish_closing(Self self, GenerationId generation, Upload& upload);

// --- contexts
void open_upload(Self self, const OpenUpload& request);
UploadResumed resume_upload(Self self, const ResumeUpload& request);
void generate_on_cloud(Self self, const GenerateOnCloud& request);
void add_rows(Self self, const UploadRows& rows);
void ask(Self self, const AskCloud& request);
void withdraw(Self self, const WithdrawAsk& ask);
void abandon(Self self, const AbandonAsk& late);
/// Standalone begins or ends.
void hold_rows(Self self, bool hold);
/// Tells the probe whether the day's budget allows uploads.
void look_at_budget(Self self);
/// Has what is spent of the day written where it outlives this process; `exactly`: nothing more
/// will be spent.
void keep_budget(Self self, bool exactly);
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

// --- timeline: of a generation that is traced; of no effect for others
void trace_sent(Self self, Upload& upload, const UploadLog::Batch& batch);
/// The cloud holds every row before `next_sequence`.
void trace_confirmed(Self self, Upload& upload, std::uint64_t next_sequence);
/// What is on its way will not be confirmed.
void trace_given_up(Self self, Upload& upload);
/// A message that is no row: "ask" or "reply".
void trace_message(Self self, const Upload& upload, std::string_view name, std::int64_t position);

}  // namespace cecollm::actors::link
