#include "transport/secure_stream.hpp"

namespace cecollm::transport {

namespace {

class PlainStream : public SecureStream {
 public:
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
  std::string peer_identity() const override { return established_ ? "insecure" : ""; }

 private:
  bool established_ = false;
  std::vector<char> outgoing_;
};

}  // namespace

std::unique_ptr<SecureStream> make_plain_stream() {
  return std::make_unique<PlainStream>();
}

}  // namespace cecollm::transport
