#include <utility>

#include "transport/secure_stream.hpp"

namespace cecollm::transport {

namespace {

class PlainStream : public SecureStream {
 public:
  explicit PlainStream(std::string peer_identity) : peer_identity_(std::move(peer_identity)) {}
  Result<void> start() override {
    established_ = true;
    return {};
  }
  Result<void> receive(std::span<const char> wire, const ClearBytes& deliver) override {
    return deliver(wire);
  }
  Result<void> send(std::span<const char> clear) override {
    outgoing_.insert(outgoing_.end(), clear.begin(), clear.end());
    return {};
  }
  void close() override {}
  std::vector<char>& outgoing() override { return outgoing_; }
  bool established() const override { return established_; }
  std::string peer_identity() const override { return established_ ? peer_identity_ : ""; }

 private:
  std::string peer_identity_;
  bool established_ = false;
  std::vector<char> outgoing_;
};

}  // namespace

std::unique_ptr<SecureStream> make_plain_stream(std::string peer_identity) {
  return std::make_unique<PlainStream>(std::move(peer_identity));
}

}  // namespace cecollm::transport
