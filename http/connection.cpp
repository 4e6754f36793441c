#include "http/connection.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "http/socket_stream.hpp"

namespace cecollm::http {
namespace {

using Clock = std::chrono::steady_clock;

/// How long, and for how many bytes, a request that was refused half-read is read on: closing with
/// bytes unread would reset the connection and take the response with it.
constexpr std::chrono::milliseconds linger_limit{1000};
constexpr std::size_t linger_bytes = 4U << 20U;

std::string_view reason_of(int status) {
  switch (status) {
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

Response render(const Setting& setting, const Fault& fault) {
  if (setting.render_fault) return setting.render_fault(fault);
  Response response;
  response.status = fault.status;
  response.body = fault.sentence + "\n";
  return response;
}

/// Where the library gives no answer of its own.
std::string raw_response(const Response& response) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text += reason_of(response.status);
  text += "\r\nContent-Type: " + response.content_type + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : response.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text + "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n" +
         response.body;
}

class SinkWriter : public BodyWriter {
 public:
  explicit SinkWriter(httplib::DataSink& sink) : sink_(sink) {}
  bool write(std::string_view piece) override {
    return piece.empty() || sink_.write(piece.data(), piece.size());
  }

 private:
  httplib::DataSink& sink_;
};

/// cpp-httplib's parser and formatter over one stream of ours. Its own loop over sockets bounds
/// neither the head of a request nor the time for it, so that loop is not used.
class Exchange : private httplib::Server {
 public:
  Exchange(SocketStream& stream, const Setting& setting) : stream_(stream), setting_(setting) {
    svr_sock_ = 0;  // anything but "shutting down"; the library only looks at it
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return route(request, response) ? HandlerResponse::Handled : HandlerResponse::Unhandled;
    });
    Post(".*", [this](const httplib::Request&, httplib::Response& response,
                      const httplib::ContentReader& read) { receive(response, read); });
    set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty()) apply(render(setting_, fault_for(response.status)), response);
    });
    set_exception_handler([this](const httplib::Request&, httplib::Response& response,
                                 const std::exception_ptr& thrown) {
      report(thrown);
      apply(render(setting_, {500, "the server failed; its log says why"}), response);
    });
  }

  void run() {
    bool closed = false;
    process_request(stream_, true, closed, [this](httplib::Request& request) {
      stream_.begin_body();
      request.ranges.clear();  // answers are given whole
    });
    if (stream_.answered()) return;
    const auto problem = stream_.problem();
    if (problem == SocketStream::Problem::none || problem == SocketStream::Problem::gone) return;
    const std::string text = raw_response(render(setting_, fault_for(400)));
    stream_.write(text.data(), text.size());
  }

 private:
  /// The library knows a request as bad where we know why.
  Fault fault_for(int status) const {
    if (stream_.problem() == SocketStream::Problem::timed_out) {
      return {408, "the request did not come in time"};
    }
    if (stream_.problem() == SocketStream::Problem::too_large) {
      return {431, "the request's head is longer than " +
                       std::to_string(setting_.limits.max_head_bytes) + " bytes"};
    }
    if (status == 414) return {414, "the request's address is too long"};
    return {status, "this is no request that the server understands"};
  }

  void refuse(Fault fault, httplib::Response& response) {
    apply(render(setting_, fault), response);
  }

  bool route(const httplib::Request& request, httplib::Response& response) {
    const std::string method = request.method == "HEAD" ? "GET" : request.method;
    std::string allowed;
    for (const Route& route : setting_.routes) {
      if (route.path != request.path) continue;
      if (route.method != method) {
        allowed += (allowed.empty() ? "" : ", ") + route.method;
        continue;
      }
      route_ = &route;
      read_head(request);
      if (refuse_sender(response)) return true;
      if (method == "POST") return refuse_body(request, response);
      answer(response);
      return true;
    }
    if (allowed.empty()) {
      refuse({404, "there is nothing at " + request.path}, response);
    } else {
      response.set_header("Allow", allowed);
      refuse({405, request.path + " takes " + allowed}, response);
    }
    return true;
  }

  void read_head(const httplib::Request& given) {
    request_.method = route_->method;
    request_.path = given.path;
    request_.query.insert(given.params.begin(), given.params.end());
    request_.authorization = given.get_header_value("Authorization");
    request_.host = given.get_header_value("Host");
    request_.origin = given.get_header_value("Origin");
    chunked_ = given.version == "HTTP/1.1";
  }

  bool refuse_sender(httplib::Response& response) {
    if (route_->open || !setting_.admit) return false;
    auto refused = setting_.admit(request_);
    if (!refused) return false;
    apply(std::move(*refused), response);
    return true;
  }

  Fault body_too_large() const {
    return {413, "the request's body is longer than " +
                     std::to_string(setting_.limits.max_body_bytes) + " bytes"};
  }

  /// What need not be read to be refused.
  bool refuse_body(const httplib::Request& request, httplib::Response& response) {
    if (request.is_multipart_form_data()) {
      refuse({415, "the body is to be JSON"}, response);
      return true;
    }
    if (!request.has_header("Content-Length")) return false;
    const std::string text = request.get_header_value("Content-Length");
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
      refuse({400, "Content-Length is no number"}, response);
      return true;
    }
    if (text.size() <= 18 && std::stoull(text) <= setting_.limits.max_body_bytes) return false;
    refuse(body_too_large(), response);
    return true;
  }

  void receive(httplib::Response& response, const httplib::ContentReader& read) {
    std::string& body = request_.body;
    bool too_large = false;
    const bool complete = read([&](const char* bytes, std::size_t size) {
      too_large = size > setting_.limits.max_body_bytes - body.size();
      if (!too_large) body.append(bytes, size);
      return !too_large;
    });
    if (too_large || stream_.problem() == SocketStream::Problem::too_large) {
      refuse(body_too_large(), response);
    } else if (!complete) {
      refuse(stream_.problem() == SocketStream::Problem::timed_out
                 ? Fault{408, "the request did not come in time"}
                 : Fault{400, "the request's body is cut off or cannot be decoded"},
             response);
    } else {
      answer(response);
    }
  }

  void answer(httplib::Response& response) { apply(route_->handler(request_, stream_), response); }

  void apply(Response from, httplib::Response& to) {
    to.status = from.status;
    for (const auto& [name, value] : from.headers) to.set_header(name, value);
    if (!from.stream) {
      to.set_content(from.body, from.content_type);
      return;
    }
    auto provide = [this, stream = std::move(from.stream)](std::size_t, httplib::DataSink& sink) {
      SinkWriter writer(sink);
      if (!stream(writer, stream_)) return false;
      sink.done();
      return true;
    };
    if (chunked_) {
      to.set_chunked_content_provider(from.content_type, std::move(provide));
    } else {
      to.set_content_provider(from.content_type, std::move(provide));
    }
  }

  void report(const std::exception_ptr& thrown) const {
    if (!setting_.report_exception) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      setting_.report_exception(error.what());
    }
  }

  SocketStream& stream_;
  const Setting& setting_;
  const Route* route_ = nullptr;
  Request request_;
  bool chunked_ = false;
};

void linger(int socket, int stop) {
  ::shutdown(socket, SHUT_WR);
  const auto deadline = Clock::now() + linger_limit;
  std::array<char, 16384> rest{};
  std::array<pollfd, 2> waits{{{socket, POLLIN, 0}, {stop, POLLIN, 0}}};
  for (std::size_t bytes = 0; bytes < linger_bytes;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return;
    if (::poll(waits.data(), waits.size(), static_cast<int>(left.count())) <= 0) return;
    if (waits[1].revents != 0) return;
    const auto size = ::recv(socket, rest.data(), rest.size(), 0);
    if (size <= 0) return;
    bytes += static_cast<std::size_t>(size);
  }
}

}  // namespace

void serve_connection(const transport::Socket& socket, int stop, const Setting& setting) {
  SocketStream stream(socket.get(), stop, setting.limits);
  Exchange(stream, setting).run();
  linger(socket.get(), stop);
}

void refuse_connection(const transport::Socket& socket, const Setting& setting,
                       const Fault& fault) {
  const std::string text = raw_response(render(setting, fault));
  // A new connection's buffer holds all of it; a peer that is gone already has no use for it.
  [[maybe_unused]] const auto sent =
      ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(socket.get(), SHUT_WR);
}

}  // namespace cecollm::http
