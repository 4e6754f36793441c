#pragma once
// One request and its response as plain values, and what a handler may do with the client while it
// works.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cecollm::http {

struct Request {
  std::string method;  // "GET", "POST"; a HEAD request comes as GET
  std::string path;    // decoded, without the query
  std::multimap<std::string, std::string> query;
  // Values of headers; empty where there is none.
  std::string authorization;
  std::string host;
  std::string origin;    // the page that a browser sends it for
  std::string body;      // decompressed; within Limits::max_body_bytes
  std::string identity;  // who sent it, as Setting::admit found; empty: nobody was asked
};

/// The peer of one request; only for the handler's thread and only until the handler, or the stream
/// that it returned, ends.
class Client {
 public:
  virtual ~Client() = default;
  /// Blocks until `descriptor` is readable; false where the client hung up or the server stops. A
  /// client that closes only its sending side has hung up too.
  virtual bool wait_for(int descriptor) = 0;
  /// The same without waiting: true where nobody is there any more.
  virtual bool gone() = 0;
};

/// The body of a response while it is sent.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  /// Sends `piece` at once; blocks while the client's side is full. False where the client hung up,
  /// took longer than Limits::send_timeout, or the server stops: nothing more can be sent.
  virtual bool write(std::string_view piece) = 0;
};

/// Sends a body piece by piece and returns at its end; false cuts the response off, so that a
/// client can tell.
using BodyStream = std::function<bool(BodyWriter& body, Client& client)>;

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  BodyStream stream;  // instead of `body`
  std::vector<std::pair<std::string, std::string>> headers{};
};

/// Runs on a thread of its connection; several at a time.
using Handler = std::function<Response(const Request& request, Client& client)>;

struct Route {
  std::string method;  // "GET" or "POST"
  std::string path;
  Handler handler;
  bool open = false;  // to everybody, whatever Setting::admit says
};

/// What the server itself has to refuse.
struct Fault {
  int status = 500;
  std::string sentence;
};

}  // namespace cecollm::http
