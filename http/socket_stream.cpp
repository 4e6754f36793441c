#include "http/socket_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

namespace cecollm::http {
namespace {

using Clock = std::chrono::steady_clock;

/// Chunked bodies have an overhead; more of it than this and the body's own size is unreasonable.
constexpr std::size_t framing_bytes = 64U << 10U;

enum class Ready { socket, late, stopped };

Ready wait_until(int socket, short events, int stop, Clock::time_point deadline) {
  std::array<pollfd, 2> waits{{{socket, events, 0}, {stop, POLLIN, 0}}};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Ready::late;
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return Ready::stopped;
    if (ready <= 0) continue;
    return waits[1].revents != 0 ? Ready::stopped : Ready::socket;
  }
}

}  // namespace

SocketStream::SocketStream(int socket, int stop, const Limits& limits)
    : socket_(socket),
      stop_(stop),
      limits_(limits),
      receive_by_(Clock::now() + limits.receive_timeout),
      left_(limits.max_head_bytes) {}

void SocketStream::begin_body() {
  left_ = 2 * limits_.max_body_bytes + framing_bytes;
}

bool SocketStream::wait_for(int descriptor) {
  std::array<pollfd, 3> waits{
      {{socket_, POLLRDHUP, 0}, {stop_, POLLIN, 0}, {descriptor, POLLIN, 0}}};
  while (!failed_) {
    if (::poll(waits.data(), waits.size(), -1) < 0) {
      failed_ = errno != EINTR;
      continue;
    }
    failed_ = waits[0].revents != 0 || waits[1].revents != 0;
    if (!failed_ && waits[2].revents != 0) return true;
  }
  return false;
}

bool SocketStream::gone() {
  std::array<pollfd, 2> waits{{{socket_, POLLRDHUP, 0}, {stop_, POLLIN, 0}}};
  if (::poll(waits.data(), waits.size(), 0) > 0) failed_ = true;
  return failed_;
}

bool SocketStream::fill() {
  while (true) {
    const auto size = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
    if (size > 0) {
      begin_ = 0;
      end_ = static_cast<std::size_t>(size);
      return true;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      problem_ = Problem::gone;
      return false;
    }
    switch (wait_until(socket_, POLLIN, stop_, receive_by_)) {
      case Ready::socket:
        break;
      case Ready::late:
        problem_ = Problem::timed_out;
        return false;
      case Ready::stopped:
        problem_ = Problem::gone;
        return false;
    }
  }
}

ssize_t SocketStream::read(char* out, std::size_t size) {
  if (problem_ != Problem::none) return -1;
  if (left_ == 0) {
    problem_ = Problem::too_large;
    return -1;
  }
  if (begin_ == end_ && !fill()) return problem_ == Problem::gone ? 0 : -1;
  const std::size_t count = std::min({size, end_ - begin_, left_});
  std::memcpy(out, buffer_.data() + begin_, count);
  begin_ += count;
  left_ -= count;
  return static_cast<ssize_t>(count);
}

ssize_t SocketStream::write(const char* bytes, std::size_t size) {
  const auto deadline = Clock::now() + limits_.send_timeout;
  std::size_t sent = 0;
  while (sent < size && !failed_) {
    const auto count = ::send(socket_, bytes + sent, size - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      answered_ = true;
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      failed_ = wait_until(socket_, POLLOUT, stop_, deadline) != Ready::socket;
    } else if (errno != EINTR) {
      failed_ = true;
    }
  }
  return failed_ ? -1 : static_cast<ssize_t>(size);
}

void SocketStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  // The library would put them among the request's headers; nobody here looks at them.
  ip.clear();
  port = 0;
}

void SocketStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

}  // namespace cecollm::http
