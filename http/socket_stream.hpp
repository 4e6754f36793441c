#pragma once
// A socket as cpp-httplib reads and writes it, with bounds on bytes and time that it lacks itself.

#include <array>
#include <chrono>
#include <cstddef>

#include <httplib.h>

#include "http/message.hpp"
#include "http/server.hpp"

namespace cecollm::http {

class SocketStream : public httplib::Stream, public Client {
 public:
  /// The time to receive the request begins now. `socket` does not block.
  SocketStream(int socket, int stop, const Limits& limits);

  /// The request's head is complete: the bound on bytes is now that of a body.
  void begin_body();

  /// Why reading ended early.
  enum class Problem { none, too_large, timed_out, gone };
  Problem problem() const { return problem_; }
  bool answered() const { return answered_; }

  // Client
  bool wait_for(int descriptor) override;
  bool gone() override;

  // httplib::Stream
  bool is_readable() const override { return problem_ == Problem::none; }
  bool is_writable() const override { return !failed_; }
  ssize_t read(char* out, std::size_t size) override;
  /// All of it or -1: the library sends heads with a single call.
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  /// None: the library refuses descriptors that select(2) cannot take, and would not need it.
  socket_t socket() const override { return -1; }

 private:
  using Clock = std::chrono::steady_clock;
  bool fill();

  int socket_;
  int stop_;
  Limits limits_;
  Clock::time_point receive_by_;
  std::size_t left_;  // bytes that may still be read
  std::array<char, 8192> buffer_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Problem problem_ = Problem::none;
  bool answered_ = false;  // something was written
  bool failed_ = false;    // nothing more can be
};

}  // namespace cecollm::http
