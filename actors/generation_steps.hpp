#pragma once
// The parts of a generation, internal to generation*.cpp: its beginning (generation_begin.cpp),
// what it asks of the cloud (generation_asks.cpp), its end (generation_end.cpp), and what joins
// them (generation.cpp).

#include <chrono>
#include <optional>
#include <string>

#include "actors/generation.hpp"

namespace cecollm::actors::generating {

using Self = generation_actor::stateful_pointer<GenerationState>;
using Path = GenerationState::Path;

/// How long the edge's own actors may take to answer; shallow compute may have another generation's
/// prompt to finish first.
inline constexpr std::chrono::seconds answer_limit{60};

// --- beginning
/// Where the tokens will come from, by the request and the edge's mode.
void choose_path(GenerationState& state);
/// The prompt's ids, then the first position.
void start(Self self);
/// The exit decision's part of the request, from the next reading on.
void tell_thresholds(Self self);
/// Opens the edge's session and runs everything known so far through the first stage.
void begin_local(Self self);

// --- in between
/// The first thing that went wrong explains the others.
void warn(GenerationState& state, std::string warning);
/// The position of the next token.
std::int64_t next_position(const GenerationState& state);
/// Emits one token; ends the generation or starts the next position.
void emit(Self self, const model::Reading& reading, policy::Source source, bool last_on_cloud,
          std::optional<AskEnd> ask = std::nullopt);
void switch_mode(GenerationState& state, caf::actor_clock::time_point now, policy::Mode mode,
                 policy::ModeReason reason);
/// A cloud that ran everything is gone: the edge takes over with prompt and emitted ids.
void take_over(Self self, policy::ModeReason reason);

// --- asking the cloud
/// The cloud owes the next token from now on, until its deadline.
void expect_by_deadline(Self self);
/// The cloud's word on the awaited position is not coming, or is too late.
void fall_back(Self self, monitoring::AskOutcome outcome);
void ask_likely(Self self, std::int64_t position);
void exit_taken(Self self, const ExitTaken& taken);
void no_exit_sure(Self self, const NoExitSure& reading);
void cloud_answered(Self self, const CloudAnswered& answer);
void cloud_failed(Self self, const CloudFailed& failure);
void bell_rang(Self self, caf::actor_clock::time_point time);

// --- end
void finish(Self self, FinishReason reason);
void finish_failed(Self self, std::string error, bool user_error);
/// Second part of finish(): what others hold is freed, or kept for the conversation.
void end_work(Self self);

}  // namespace cecollm::actors::generating
