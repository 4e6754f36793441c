#include "api/running_choices.hpp"

#include <utility>

#include "actors/type_ids.hpp"
#include "api/generation_client.hpp"

namespace cecollm::api {

StreamSlots::Lease::Lease(Lease&& other) noexcept
    : slots_(std::exchange(other.slots_, nullptr)), count_(other.count_) {}

StreamSlots::Lease::~Lease() {
  if (slots_ != nullptr) slots_->give_back(count_);
}

std::optional<StreamSlots::Lease> StreamSlots::take(std::size_t count) {
  const std::lock_guard lock(mutex_);
  if (count > limit_ - taken_) return std::nullopt;
  taken_ += count;
  return Lease(*this, count);
}

void StreamSlots::give_back(std::size_t count) {
  const std::lock_guard lock(mutex_);
  taken_ -= count;
  if (taken_ == 0) idle_.notify_all();
}

bool StreamSlots::wait_until_idle(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, limit, [this] { return taken_ == 0; });
}

RunningChoices::RunningChoices(caf::actor_system& system, const actors::edge_supervisor_actor& edge,
                               std::vector<actors::GenerationRequest> requests,
                               StreamSlots::Lease lease, std::shared_ptr<GenerationEvents> events)
    : events_(std::move(events)), lease_(std::move(lease)) {
  for (auto& request : requests) {
    clients_.push_back(
        system.spawn(generation_client, edge, std::move(request), clients_.size(), events_));
  }
}

RunningChoices::~RunningChoices() {
  for (const auto& client : clients_) {
    caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
  }
}

std::optional<GenerationEvent> RunningChoices::next(http::Client& client) {
  // Looked at before each event, or a client that hung up would be served from what has piled up.
  if (client.gone()) return std::nullopt;
  while (true) {
    if (auto event = events_->take()) return event;
    if (!client.wait_for(events_->descriptor())) return std::nullopt;
  }
}

}  // namespace cecollm::api
