#include "actors/peer.hpp"

#include <utility>

#include "transport/codec.hpp"
#include "transport/fault_names.hpp"

namespace cecollm::actors {
namespace {

using PeerSelf = peer_actor::stateful_pointer<PeerState>;
using PeerPhase = PeerState::Phase;

constexpr std::chrono::seconds attach_limit{30};

void send(PeerSelf self, const transport::Message& message) {
  if (!self->state.connection) return;
  auto bytes = std::make_shared<const std::vector<char>>(transport::encode_frame(message));
  self->state.setting.metrics->sent_bytes.Increment(static_cast<double>(bytes->size()));
  caf::anon_send(self->state.connection, transport::SendFrame{std::move(bytes)});
}

void count_fault(PeerSelf self, const transport::Fault& fault) {
  self->state.setting.metrics->faults[fault.code].Increment();
}

/// Says why, then closes.
void refuse_connection(PeerSelf self, transport::Fault fault) {
  count_fault(self, fault);
  self->state.setting.logger.warning("edge refused", {{"edge", self->state.identity},
                                                      {"fault", transport::name_of(fault.code)},
                                                      {"why", fault.message}});
  self->state.phase = PeerPhase::closing;
  send(self, fault);
  caf::anon_send(self->state.connection, transport::CloseConnection{});
}

transport::Fault protocol_fault(std::string message) {
  transport::Fault fault;
  fault.code = transport::FaultCode::protocol;
  fault.message = std::move(message);
  return fault;
}

void greet(PeerSelf self, const transport::Hello& hello) {
  auto& state = self->state;
  if (state.phase != PeerPhase::greeting) {
    refuse_connection(self, protocol_fault("a second hello"));
    return;
  }
  if (auto fault = refuse(hello, state.setting.offer)) {
    refuse_connection(self, std::move(*fault));
    return;
  }
  state.phase = PeerPhase::attaching;
  state.instance = hello.instance;
  self->request(state.setting.store, attach_limit,
                AttachClient{state.identity, hello.instance, hello.row_dtype, self})
      .then(
          [self, instance = hello.instance](const ClientAttached& attached) {
            if (self->state.phase != PeerPhase::attaching) return;
            if (attached.refusal) {
              refuse_connection(self, *attached.refusal);
              return;
            }
            self->state.client = attached.client;
            self->state.phase = PeerPhase::ready;
            self->state.setting.logger.info(
                "edge attached",
                {{"edge", self->state.identity}, {"instance", monitoring::hexadecimal(instance)}});
            send(self, self->state.setting.welcome);
          },
          [self](const caf::error&) {
            transport::Fault fault;
            fault.code = transport::FaultCode::overloaded;
            fault.message = "the cloud could not take this edge now";
            refuse_connection(self, std::move(fault));
          });
}

/// What an edge says; anything but a message for a cloud is a protocol error.
struct FromEdge {
  PeerSelf self;
  FrameCredit credit;

  void operator()(const transport::Hello& hello) const { greet(self, hello); }
  void operator()(const transport::Ping& ping) const { send(self, transport::Pong{ping.nonce}); }
  void operator()(const transport::Pong&) const {}
  void operator()(const transport::OpenContext& open) const {
    if (open.prompt.size() > self->state.setting.max_prompt_tokens) {
      refuse_connection(self, protocol_fault("a prompt beyond the model's context"));
    } else {
      to_store(StoreOpen{self->state.client, open, credit});
    }
  }
  void operator()(const transport::RowBatch& batch) const {
    to_store(StoreRows{self->state.client, batch, credit});
  }
  void operator()(const transport::Ask& ask) const {
    to_store(StoreAsk{self->state.client, ask, credit});
  }
  void operator()(const transport::CloseContext& close) const {
    to_store(StoreClose{self->state.client, close, credit});
  }
  void operator()(const transport::Generate& generate) const {
    if (!self->state.setting.welcome.cloud_only) {
      transport::Fault fault;
      fault.code = transport::FaultCode::not_served;
      fault.message = "this cloud does not serve cloud-only requests";
      fault.context = generate.context;
      fault.epoch = generate.epoch;
      send(self, fault);
    } else {
      to_store(StoreGenerate{self->state.client, generate, credit});
    }
  }
  template <class Other>
  void operator()(const Other&) const {
    refuse_connection(self, protocol_fault("a message that only clouds send"));
  }

  template <class StoreMessage>
  void to_store(StoreMessage message) const {
    if (self->state.phase == PeerPhase::ready) {
      self->send(self->state.setting.store, std::move(message));
    } else {
      refuse_connection(self, protocol_fault("work before the welcome"));
    }
  }
};

void connection_down(PeerSelf self, const transport::Error& reason) {
  auto& state = self->state;
  if (reason.code == transport::ErrorCode::peer_silent) {
    state.setting.metrics->heartbeats_missed.Increment();
  }
  state.setting.logger.info("edge disconnected",
                            {{"edge", state.identity}, {"why", reason.message}});
  if (state.instance) {
    self->send(state.setting.store, DetachClient{state.identity, *state.instance, self});
  }
  if (state.connection) state.setting.metrics->connections.Decrement();
  self->quit();
}

/// Nothing is left to serve: the edge must hear of it, or it would stay for the pongs.
void store_down(PeerSelf self) {
  if (!self->state.connection) {
    self->quit();
    return;
  }
  send(self, transport::GoAway{"the cloud has stopped", 0});
  self->state.phase = PeerPhase::closing;
  caf::anon_send(self->state.connection, transport::CloseConnection{});
}

}  // namespace

peer_actor::behavior_type peer(PeerSelf self, PeerSetting setting) {
  self->state.setting = std::move(setting);
  self->monitor(self->state.setting.store);
  self->set_down_handler([self](const caf::down_msg&) { store_down(self); });
  return {
      [self](const ToPeer& out) {
        const auto* fault = std::get_if<transport::Fault>(&out.message);
        if (fault != nullptr && !fault->context) {  // of the connection
          if (self->state.phase == PeerPhase::ready) refuse_connection(self, *fault);
          return;
        }
        if (fault != nullptr) count_fault(self, *fault);
        if (self->state.phase != PeerPhase::ready) return;
        send(self, out.message);
        if (std::holds_alternative<transport::GoAway>(out.message)) {
          self->state.phase = PeerPhase::closing;
          caf::anon_send(self->state.connection, transport::CloseConnection{});
        }
      },
      [self](const HelloDue&) {
        if (self->state.phase == PeerPhase::greeting) {
          refuse_connection(self, protocol_fault("no hello in time"));
        }
      },
      [self](const transport::ConnectionUp& up) {
        self->state.connection = up.connection;
        self->state.identity = up.peer_identity;
        self->state.phase = PeerPhase::greeting;
        self->state.setting.metrics->connections.Increment();
        self->state.setting.logger.info("edge connected",
                                        {{"edge", up.peer_identity}, {"address", up.peer_address}});
        self->delayed_send(self, self->state.setting.hello_limit, HelloDue{});
      },
      [self](const transport::FrameArrived& frame) {
        if (self->state.phase == PeerPhase::closing) return;
        self->state.setting.metrics->received_bytes.Increment(
            static_cast<double>(frame.envelope.size() + transport::frame_prefix_bytes));
        auto message = transport::decode_envelope(frame.envelope);
        if (message) {
          std::visit(FromEdge{self, frame.credit}, *message);
        } else {
          refuse_connection(self, protocol_fault(message.error().message));
        }
      },
      [](const transport::SendQueueDrained&) {
        // Replies are small and bounded by the edge's own asks; the queue's cap ends the rest.
      },
      [self](const transport::ConnectionDown& down) { connection_down(self, down.reason); },
  };
}

}  // namespace cecollm::actors
