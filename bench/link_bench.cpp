// What the link costs: a frame there and back over TLS on loopback, encoding and decoding, and a
// message between two actors.

#include <cstdlib>
#include <iostream>

#include <benchmark/benchmark.h>
#include <caf/all.hpp>

#include "actors/system_config.hpp"
#include "apps/development_pki.hpp"
#include "apps/scratch_directory.hpp"
#include "transport/codec.hpp"
#include "transport/connection.hpp"

namespace cecollm::bench {
namespace {

constexpr std::chrono::seconds limit{10};

transport::RowBatch row_of(std::int64_t bytes) {
  transport::RowBatch batch;
  batch.context = 7;
  batch.first_sequence = 300;
  batch.payload = std::make_shared<const std::vector<std::byte>>(static_cast<std::size_t>(bytes));
  return batch;
}

void BM_EncodeRow(benchmark::State& state) {
  const auto row = row_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(transport::encode_frame(row));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_EncodeRow)->Arg(512)->Arg(8192)->Arg(65536);

void BM_DecodeRow(benchmark::State& state) {
  const auto frame = transport::encode_frame(row_of(state.range(0)));
  const std::span<const char> envelope(frame.data() + 4, frame.size() - 4);
  for (auto _ : state) benchmark::DoNotOptimize(transport::decode_envelope(envelope));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DecodeRow)->Arg(512)->Arg(8192)->Arg(65536);

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << "benchmark: " << why << '\n';
  std::exit(1);
}

/// Sends back every frame.
caf::behavior echo(caf::event_based_actor* self) {
  auto connection = std::make_shared<caf::actor>();
  return {[connection](const transport::ConnectionUp& up) { *connection = up.connection; },
          [self, connection](const transport::FrameArrived& frame) {
            auto bytes = std::make_shared<std::vector<char>>(4 + frame.envelope.size());
            const auto size = static_cast<std::uint32_t>(frame.envelope.size());
            for (int i = 0; i < 4; ++i) {
              (*bytes)[static_cast<std::size_t>(i)] = static_cast<char>(size >> (24 - 8 * i));
            }
            std::copy(frame.envelope.begin(), frame.envelope.end(), bytes->begin() + 4);
            self->send(*connection, transport::SendFrame{std::move(bytes)});
          },
          [](const transport::SendQueueDrained&) {},
          [self](const transport::ConnectionDown&) {
            self->quit();
          }};
}

void BM_FrameRoundTrip(benchmark::State& state) {
  const apps::ScratchDirectory directory;
  const auto& pki = directory.path();
  if (!apps::make_development_pki(pki)) give_up("no certificates");
  const auto context = [&](transport::TlsRole role, const std::string& name) {
    auto loaded = transport::TlsContext::load(
        role, {pki / (name + ".pem"), pki / (name + ".key"), pki / "ca.pem"});
    if (!loaded) give_up(loaded.error().message);
    return *loaded;
  };
  const auto server = context(transport::TlsRole::server, "cloud");
  const auto client = context(transport::TlsRole::client, "edge");

  actors::SystemConfig config;
  caf::actor_system system{config};
  auto listening = transport::listen(system, {"127.0.0.1", 0}, server, {}, 4,
                                     [&system] { return system.spawn(echo); });
  if (!listening) give_up(listening.error().message);
  caf::scoped_actor self{system};
  transport::dial(system, listening->bound, client, {}, caf::actor_cast<caf::actor>(self));
  caf::actor connection;
  self->receive([&](const transport::ConnectionUp& up) { connection = up.connection; },
                [&](const transport::ConnectionDown& down) { give_up(down.reason.message); },
                caf::after(limit) >> [] { give_up("no connection"); });
  const auto frame =
      std::make_shared<const std::vector<char>>(transport::encode_frame(row_of(state.range(0))));
  for (auto _ : state) {
    self->send(connection, transport::SendFrame{frame});
    self->receive([](const transport::FrameArrived&) {},
                  caf::after(limit) >> [] { give_up("no echo"); });
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
  self->send(connection, transport::CloseConnection{});
  self->send_exit(listening->listener, caf::exit_reason::user_shutdown);
}
BENCHMARK(BM_FrameRoundTrip)->Arg(128)->Arg(512)->Arg(8192)->UseRealTime();

void BM_ActorHop(benchmark::State& state) {
  actors::SystemConfig config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  const auto mirror = system.spawn([]() -> caf::behavior {
    return {[](int value) {
      return value;
    }};
  });
  for (auto _ : state) {
    self->request(mirror, limit, 1)
        .receive([](int) {}, [](const caf::error&) { give_up("no answer"); });
  }
  // There and back.
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(BM_ActorHop)->UseRealTime();

}  // namespace
}  // namespace cecollm::bench
