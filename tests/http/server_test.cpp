// The server over loopback, by hand-written requests.

#include "http/server.hpp"

#include <future>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/raw_socket.hpp"

namespace cecollm::http {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tests::RawSocket;

Response text(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

/// A server with some routes; a handler on /held waits until it is let go.
class HttpServer : public ::testing::Test {
 protected:
  HttpServer() {
    setting_.limits.max_body_bytes = 1000;
    setting_.limits.max_head_bytes = 4000;
    setting_.routes = {{"GET", "/hello",
                        [](const Request&, Client&) {
                          return text("hello");
                        }},
                       {"POST", "/echo",
                        [](const Request& request, Client&) {
                          return text(request.body);
                        }},
                       {"GET", "/query",
                        [](const Request& request, Client&) {
                          const auto found = request.query.find("name");
                          return text(found == request.query.end() ? "" : found->second);
                        }},
                       {"GET", "/authorization",
                        [](const Request& request, Client&) {
                          return text(request.authorization);
                        }},
                       {"GET", "/stream",
                        [](const Request&, Client&) {
                          Response response;
                          response.content_type = "text/event-stream";
                          response.stream = [](BodyWriter& body, Client&) {
                            return body.write("data: 1\n\n") && body.write("data: 2\n\n");
                          };
                          return response;
                        }},
                       {"GET", "/cut",
                        [](const Request&, Client&) {
                          Response response;
                          response.stream = [](BodyWriter& body, Client&) {
                            body.write("half");
                            return false;
                          };
                          return response;
                        }},
                       {"GET", "/flood",
                        [this](const Request&, Client&) {
                          Response response;
                          response.stream = [this](BodyWriter& body, Client&) {
                            const std::string piece(1U << 16U, 'x');
                            while (body.write(piece)) continue;
                            left_.set_value();
                            return false;
                          };
                          return response;
                        }},
                       {"GET", "/held",
                        [this](const Request&, Client& client) {
                          arrived_.set_value();
                          const bool went_on = client.wait_for(held_.get());
                          left_.set_value();
                          return text(went_on ? "let go" : "nobody reads this");
                        }},
                       {"GET", "/throws", [](const Request&, Client&) -> Response {
                          throw std::runtime_error("a secret");
                        }}};
    setting_.report_exception = [this](const std::string& what) {
      reported_ = what;
    };
  }

  void start() {
    auto started = Server::start({"127.0.0.1", 0}, setting_);
    ASSERT_TRUE(started) << started.error().message;
    server_.emplace(std::move(*started));
  }
  std::uint16_t port() const { return server_->bound().port; }

  /// Everything that the server answers to these bytes.
  std::string ask(const std::string& bytes) {
    if (!server_) start();
    RawSocket socket;
    socket.connect(port());
    socket.send(bytes);
    std::string all;
    EXPECT_TRUE(socket.read_to_end(&all)) << "the server neither answered nor closed";
    return all;
  }
  std::string get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  std::string post(const std::string& path, const std::string& body,
                   const std::string& headers = "") {
    return ask("POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  void let_go() {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(held_.get(), &one, sizeof(one)), 8);
  }
  static bool happens(std::promise<void>& event) {
    return event.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  }

  Setting setting_;
  transport::Socket held_{::eventfd(0, EFD_CLOEXEC)};
  std::promise<void> arrived_;
  std::promise<void> left_;
  std::string reported_;
  std::optional<Server> server_;
};

TEST_F(HttpServer, AnswersOneRequestAndCloses) {
  const std::string reply = get("/hello");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(reply, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(reply, EndsWith("\r\n\r\nhello"));
}

TEST_F(HttpServer, AnswersHeadWithoutABody) {
  const std::string reply = ask("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(reply, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(reply, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServer, AnswersTheOldProtocol) {
  EXPECT_THAT(ask("GET /hello HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\nhello"));
  const std::string stream = ask("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_THAT(stream, EndsWith("\r\n\r\ndata: 1\n\ndata: 2\n\n"));
  EXPECT_THAT(stream, Not(HasSubstr("chunked")));
}

TEST_F(HttpServer, HandsOnBodyQueryAndAuthorization) {
  EXPECT_THAT(post("/echo", "what is said"), EndsWith("\r\n\r\nwhat is said"));
  EXPECT_THAT(get("/query?name=a%20b&x=y"), EndsWith("\r\n\r\na b"));
  EXPECT_THAT(ask("GET /authorization HTTP/1.1\r\nAuthorization: Bearer k\r\n\r\n"),
              EndsWith("\r\n\r\nBearer k"));
}

TEST_F(HttpServer, HandsOnWhereARequestComesFrom) {
  setting_.routes.push_back({"GET", "/from", [](const Request& request, Client&) {
                               return text(request.host + " " + request.origin);
                             }});
  EXPECT_THAT(ask("GET /from HTTP/1.1\r\nHost: a:80\r\nOrigin: http://b\r\n\r\n"),
              EndsWith("\r\n\r\na:80 http://b"));
  EXPECT_THAT(ask("GET /from HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\n "));
}

TEST_F(HttpServer, ReadsAChunkedBody) {
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
              EndsWith("\r\n\r\nabcde"));
}

TEST_F(HttpServer, StreamsPieceByPieceAndUncompressed) {
  const std::string reply =
      ask("GET /stream HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\n\r\n");
  EXPECT_THAT(reply, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(reply, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(reply, EndsWith("9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"));
}

TEST_F(HttpServer, LeavesAStreamThatFailedWithoutItsEnd) {
  EXPECT_THAT(get("/cut"), EndsWith("4\r\nhalf\r\n"));
}

TEST_F(HttpServer, SaysWhatIsNotThere) {
  EXPECT_THAT(get("/nothing"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("/nothing"), EndsWith("there is nothing at /nothing\n"));
  EXPECT_THAT(post("/nothing", "body"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("/etc/../../passwd"), StartsWith("HTTP/1.1 404 "));
  const std::string wrong_method = post("/hello", "");
  EXPECT_THAT(wrong_method, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(wrong_method, HasSubstr("Allow: GET\r\n"));
  EXPECT_THAT(ask("DELETE /echo HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServer, RefusesWhatIsNoRequest) {
  for (const char* bytes :
       {"hello\r\n\r\n", "GET\r\n\r\n", "GET /hello\r\n\r\n", "GET /hello HTTP/9.9\r\n\r\n",
        "\r\n\r\n", "FROB /hello HTTP/1.1\r\n\r\n"}) {
    const std::string reply = ask(bytes);
    EXPECT_TRUE(reply.empty() || reply.starts_with("HTTP/1.1 4")) << bytes << " got " << reply;
    EXPECT_THAT(reply, Not(HasSubstr("200 OK"))) << bytes;
  }
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nContent-Length: ten\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(post("/echo", "--x--", "Content-Type: multipart/form-data; boundary=x\r\n"),
              StartsWith("HTTP/1.1 415 "));
}

TEST_F(HttpServer, BoundsTheHead) {
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask("GET /" + std::string(5000, 'x')), StartsWith("HTTP/1.1 431 "));
  std::string many = "GET /hello HTTP/1.1\r\n";
  for (int i = 0; i < 1000; ++i) many += "A" + std::to_string(i) + ": b\r\n";
  EXPECT_THAT(ask(many + "\r\n"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServer, BoundsTheBody) {
  EXPECT_THAT(post("/echo", std::string(1000, 'x')), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(post("/echo", std::string(1001, 'x')), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  std::string chunks = "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 30; ++i) chunks += "32\r\n" + std::string(50, 'x') + "\r\n";
  EXPECT_THAT(ask(chunks + "0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServer, TellsAClientThatIsTooSlowToSend) {
  setting_.limits.receive_timeout = milliseconds(50);
  EXPECT_THAT(ask(""), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(ask("GET /hello HT"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf"),
              StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServer, GivesUpOnAClientThatDoesNotRead) {
  setting_.limits.send_timeout = milliseconds(50);
  start();
  RawSocket socket;
  socket.shrink_receive_buffer();
  socket.connect(port());
  socket.send("GET /flood HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(happens(left_));
}

TEST_F(HttpServer, ServesOthersWhileOneDoesNotRead) {
  start();
  RawSocket slow;
  slow.shrink_receive_buffer();
  slow.connect(port());
  slow.send("GET /flood HTTP/1.1\r\n\r\n");
  EXPECT_THAT(get("/hello"), EndsWith("hello"));
  server_.reset();
  EXPECT_TRUE(happens(left_));
}

TEST_F(HttpServer, TellsAHandlerThatItsClientHungUp) {
  start();
  {
    RawSocket socket;
    socket.connect(port());
    socket.send("GET /held HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(happens(arrived_));
  }
  EXPECT_TRUE(happens(left_));
}

TEST_F(HttpServer, LetsAHandlerWaitForSomethingElse) {
  start();
  RawSocket socket;
  socket.connect(port());
  socket.send("GET /held HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(happens(arrived_));
  let_go();
  std::string reply;
  ASSERT_TRUE(socket.read_to_end(&reply));
  EXPECT_THAT(reply, EndsWith("let go"));
}

TEST_F(HttpServer, EndsWhileHandlersWaitAndClientsAreSilent) {
  start();
  RawSocket waiting;
  waiting.connect(port());
  waiting.send("GET /held HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(happens(arrived_));
  RawSocket silent;
  silent.connect(port());
  const auto port_before = port();
  server_.reset();
  EXPECT_TRUE(happens(left_));
  EXPECT_TRUE(waiting.read_to_end());
  auto next = Server::start({"127.0.0.1", port_before}, setting_);
  EXPECT_TRUE(next) << next.error().message;
}

TEST_F(HttpServer, BoundsConnections) {
  setting_.limits.max_connections = 1;
  start();
  RawSocket first;
  first.connect(port());
  first.send("GET /held HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(happens(arrived_));
  RawSocket second;
  second.connect(port());
  std::string reply;
  ASSERT_TRUE(second.read_to_end(&reply));
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(reply, EndsWith("too many connections; try again later\n"));
  let_go();
  ASSERT_TRUE(first.read_to_end());
}

TEST_F(HttpServer, KeepsWhatAHandlerThrewToItself) {
  const std::string reply = get("/throws");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(reply, Not(HasSubstr("secret")));
  EXPECT_EQ(reported_, "a secret");
}

TEST_F(HttpServer, RendersItsRefusalsAsItIsTold) {
  setting_.render_fault = [](const Fault& fault) {
    Response response;
    response.status = fault.status;
    response.content_type = "application/json";
    response.body = "{\"code\":" + std::to_string(fault.status) + "}";
    return response;
  };
  EXPECT_THAT(get("/nothing"), EndsWith("{\"code\":404}"));
  EXPECT_THAT(ask("nonsense\r\n\r\n"), EndsWith("{\"code\":400}"));
  EXPECT_THAT(ask("GET /" + std::string(5000, 'x')), EndsWith("{\"code\":431}"));
}

TEST_F(HttpServer, LetsInWhomItIsToldTo) {
  setting_.admit = [](Request& request) -> std::optional<Response> {
    if (request.authorization == "Bearer good") {
      request.identity = "somebody";
      return std::nullopt;
    }
    Response refused = text("who are you?");
    refused.status = 401;
    return refused;
  };
  setting_.routes.push_back({"GET", "/who", [](const Request& request, Client&) {
                               return text(request.identity);
                             }});
  setting_.routes.push_back(
      {"GET", "/open",
       [](const Request& request, Client&) { return text("open to" + request.identity + " all"); },
       true});
  EXPECT_THAT(get("/who"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(get("/who"), EndsWith("who are you?"));
  EXPECT_THAT(ask("GET /who HTTP/1.1\r\nAuthorization: Bearer good\r\n\r\n"),
              EndsWith("\r\n\r\nsomebody"));
  EXPECT_THAT(get("/open"), EndsWith("open to all"));
  EXPECT_THAT(get("/nothing"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(HttpServer, RefusesASenderBeforeItReadsTheBody) {
  setting_.admit = [](Request&) {
    Response refused = text("no");
    refused.status = 401;
    return std::optional(refused);
  };
  // The body never comes.
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nContent-Length: 900\r\n\r\n"),
              StartsWith("HTTP/1.1 401 "));
}

TEST_F(HttpServer, NamesAnAddressThatItCannotHave) {
  start();
  const auto taken = Server::start({"127.0.0.1", port()}, setting_);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, transport::ErrorCode::address_in_use);
  EXPECT_THAT(taken.error().message, HasSubstr(std::to_string(port())));
  const auto foreign = Server::start({"192.0.2.1", 0}, setting_);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, transport::ErrorCode::bad_address);
}

TEST_F(HttpServer, AnswersManyAtATime) {
  start();
  std::vector<std::future<std::string>> replies;
  for (int i = 0; i < 32; ++i) {
    replies.push_back(std::async(std::launch::async, [this] { return get("/hello"); }));
  }
  for (auto& reply : replies) EXPECT_THAT(reply.get(), EndsWith("hello"));
}

}  // namespace
}  // namespace cecollm::http
