#pragma once
// A peer and a context store that do nothing but remember what they were told, for tests of the
// actors beside them.

#include <vector>

#include "actors/cloud_messages.hpp"
#include "actors/type_ids.hpp"

namespace cecollm::tests {

inline actors::peer_actor::behavior_type listening_peer(actors::peer_actor::pointer,
                                                        std::vector<transport::Message>* heard) {
  return {[heard](const actors::ToPeer& out) { heard->push_back(out.message); },
          [](const actors::HelloDue&) {},
          [](const transport::ConnectionUp&) {},
          [](const transport::FrameArrived&) {},
          [](const transport::SendQueueDrained&) {},
          [](const transport::ConnectionDown&) {
          }};
}

/// Every client that attaches is number 7.
struct HeardByStore {
  std::vector<actors::AttachClient> attached;
  std::vector<actors::DetachClient> detached;
  std::vector<actors::AskDone> done;
  std::vector<actors::AskReturned> returned;
  std::vector<actors::SessionEvicted> evicted;
  std::vector<actors::SessionLost> lost;
};

inline actors::context_store_actor::behavior_type listening_store(
    actors::context_store_actor::pointer, HeardByStore* heard) {
  return {[heard](const actors::AttachClient& attach) {
            heard->attached.push_back(attach);
            return actors::ClientAttached{7, std::nullopt};
          },
          [heard](const actors::DetachClient& detach) { heard->detached.push_back(detach); },
          [](const actors::StoreOpen&) {},
          [](const actors::StoreRows&) {},
          [](const actors::StoreAsk&) {},
          [](const actors::StoreClose&) {},
          [](const actors::StoreGenerate&) {},
          [heard](const actors::AskDone& done) { heard->done.push_back(done); },
          [heard](const actors::AskReturned& returned) { heard->returned.push_back(returned); },
          [heard](const actors::SessionEvicted& evicted) { heard->evicted.push_back(evicted); },
          [heard](const actors::SessionLost& lost) { heard->lost.push_back(lost); },
          [](const actors::GenerateEnded&) {},
          [](const actors::Sweep&) {},
          [](const actors::DismissClients&) {},
          [](const actors::AllowEdges&) {},
          [](const actors::GetStoreLevel&) {
            return actors::StoreLevel{};
          }};
}

}  // namespace cecollm::tests
