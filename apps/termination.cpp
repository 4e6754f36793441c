#include "apps/termination.hpp"

#include <ctime>

namespace cecollm::apps {

Termination::Termination() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

Termination::~Termination() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Termination::wait_for(std::chrono::milliseconds limit) {
  if (received_) return true;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(seconds.count());
  time.tv_nsec = static_cast<long>(std::chrono::nanoseconds(limit - seconds).count());
  received_ = sigtimedwait(&signals_, nullptr, &time) > 0;
  return received_;
}

}  // namespace cecollm::apps
