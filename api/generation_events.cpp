#include "api/generation_events.hpp"

#include <cstdint>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace cecollm::api {

GenerationEvents::GenerationEvents() : ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void GenerationEvents::push(GenerationEvent event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  if (events_.size() > 1) return;
  const std::uint64_t one = 1;
  // From zero to one: cannot fail.
  [[maybe_unused]] const auto written = ::write(ready_.get(), &one, sizeof(one));
}

std::optional<GenerationEvent> GenerationEvents::take() {
  const std::lock_guard lock(mutex_);
  if (events_.empty()) return std::nullopt;
  auto event = std::move(events_.front());
  events_.pop_front();
  if (events_.empty()) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(ready_.get(), &count, sizeof(count));
  }
  return event;
}

}  // namespace cecollm::api
