#include "actors/cloud_link_session.hpp"

namespace cecollm::actors::link {
namespace {

constexpr auto track = monitoring::TraceTrack::uplink;

void add(monitoring::GenerationTrace& trace, const Upload::Flight& flight,
         caf::actor_clock::time_point end, bool confirmed) {
  trace.flight(track, "rows", flight.end, flight.sent, end,
               {{"first_row", flight.end - flight.rows},
                {"rows", flight.rows},
                {"resent", flight.resent},
                {"confirmed", confirmed}});
}

}  // namespace

void trace_sent(Self self, Upload& upload, const UploadLog::Batch& batch) {
  if (!upload.trace) return;
  upload.flights.push_back(
      {batch.first_sequence + batch.count, batch.count, batch.resent, self->clock().now()});
}

void trace_confirmed(Self self, Upload& upload, std::uint64_t next_sequence) {
  while (!upload.flights.empty() && upload.flights.front().end <= next_sequence) {
    add(*upload.trace, upload.flights.front(), self->clock().now(), true);
    upload.flights.pop_front();
  }
}

void trace_given_up(Self self, Upload& upload) {
  for (const auto& flight : upload.flights) {
    add(*upload.trace, flight, self->clock().now(), false);
  }
  upload.flights.clear();
}

void trace_message(Self self, const Upload& upload, std::string_view name, std::int64_t position) {
  if (!upload.trace) return;
  upload.trace->mark(track, name, self->clock().now(), {{"position", position}});
}

}  // namespace cecollm::actors::link
