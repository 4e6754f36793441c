#include "actors/context_store.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "actors/wire_conversion.hpp"

namespace cecollm::actors {
namespace {

using StoreSelf = context_store_actor::stateful_pointer<ContextStoreState>;
using transport::FaultCode;

void report_level(const ContextStoreState& state) {
  state.setting.metrics->contexts.Set(static_cast<double>(state.contexts));
  state.setting.metrics->row_bytes.Set(static_cast<double>(state.row_bytes));
}

void answer_fault(StoreSelf self, const StoredClient& client, std::uint64_t context,
                  std::uint32_t epoch, FaultCode code, std::string message,
                  std::uint64_t next_sequence = 0, std::optional<std::uint64_t> position = {}) {
  transport::Fault fault;
  fault.code = code;
  fault.message = std::move(message);
  fault.context = context;
  fault.epoch = epoch;
  fault.next_sequence = next_sequence;
  fault.position = position;
  self->send(client.peer, ToPeer{std::move(fault)});
}

void answer_rows_held(StoreSelf self, const StoredClient& client, std::uint64_t context,
                      StoredContext& stored) {
  stored.unacknowledged = 0;
  self->send(client.peer, ToPeer{transport::RowsHeld{context, stored.epoch, stored.next_sequence}});
}

/// One line for each generation of each edge, which joins the edge's own by instance and
/// generation.
void log_end(StoreSelf self, const StoredClient& client, std::uint64_t context,
             const StoredContext& stored, std::string_view why) {
  const auto held = self->clock().now() - stored.opened;
  self->state.setting.logger.info(
      "context closed", {{"instance", monitoring::hexadecimal(client.instance)},
                         {"generation", context},
                         {"edge", client.identity},
                         {"why", why},
                         {"epoch", stored.epoch},
                         {"rows", stored.next_sequence},
                         {"rows_used", stored.rows_used},
                         {"answers", stored.answers},
                         {"cloud_only", stored.generating},
                         {"held_ms", std::chrono::duration<double, std::milli>(held).count()}});
}

void drop(StoreSelf self, ClientId client_id, StoredClient& client, std::uint64_t context,
          std::string_view why) {
  const auto found = client.contexts.find(context);
  if (found == client.contexts.end()) return;
  auto& state = self->state;
  const auto wasted = found->second.next_sequence - found->second.rows_used;
  state.setting.metrics->rows_wasted.Increment(static_cast<double>(wasted));
  log_end(self, client, context, found->second, why);
  state.row_bytes -= found->second.row_bytes;
  --state.contexts;
  const auto use = state.use.find(client.identity);
  use->second.row_bytes -= found->second.row_bytes;
  if (--use->second.contexts == 0) state.use.erase(use);
  client.contexts.erase(found);
  self->send(self->state.compute, DropSession{{client_id, context}});
  report_level(self->state);
}

/// Frees everything of a client.
void forget(StoreSelf self, std::map<ClientId, StoredClient>::iterator client) {
  while (!client->second.contexts.empty()) {
    drop(self, client->first, client->second, client->second.contexts.begin()->first,
         "the edge did not come back");
  }
  self->state.by_identity.erase({client->second.identity, client->second.instance});
  self->state.clients.erase(client);
}

StoredClient* find_client(StoreSelf self, ClientId id) {
  const auto found = self->state.clients.find(id);
  return found == self->state.clients.end() ? nullptr : &found->second;
}

/// What is held under `key`, whatever its epoch; nobody is told of its absence.
StoredContext* find_stored(StoreSelf self, ContextKey key) {
  auto* client = find_client(self, key.client);
  if (client == nullptr) return nullptr;
  const auto found = client->contexts.find(key.context);
  return found == client->contexts.end() ? nullptr : &found->second;
}

/// The context that a message names, in its epoch; otherwise the edge is told what is wrong.
StoredContext* find_context(StoreSelf self, StoredClient& client, std::uint64_t context,
                            std::uint32_t epoch) {
  const auto found = client.contexts.find(context);
  if (found == client.contexts.end()) {
    answer_fault(self, client, context, epoch, FaultCode::unknown_context,
                 "the cloud does not know this context (any more)");
    return nullptr;
  }
  if (found->second.epoch != epoch) {
    answer_fault(self, client, context, epoch, FaultCode::stale_epoch,
                 "this epoch is " + std::to_string(epoch) + ", the context's is " +
                     std::to_string(found->second.epoch));
    return nullptr;
  }
  found->second.last_used = self->clock().now();
  return &found->second;
}

/// A place for one more context, or null after telling the edge.
StoredContext* make_context(StoreSelf self, StoredClient& client, std::uint64_t context,
                            std::uint32_t epoch) {
  auto& state = self->state;
  if (client.contexts.size() >= state.setting.max_contexts_per_client) {
    answer_fault(self, client, context, epoch, FaultCode::limit,
                 "this edge has " + std::to_string(client.contexts.size()) +
                     " contexts open, as many as the cloud allows it");
    return nullptr;
  }
  const auto quota = state.setting.max_contexts_per_identity;
  const auto use = state.use.find(client.identity);
  if (quota > 0 && use != state.use.end() && use->second.contexts >= quota) {
    answer_fault(self, client, context, epoch, FaultCode::limit,
                 "the edges of this identity have " + std::to_string(use->second.contexts) +
                     " contexts open, as many as the cloud allows them");
    return nullptr;
  }
  if (state.contexts >= state.setting.max_contexts) {
    answer_fault(self, client, context, epoch, FaultCode::overloaded,
                 "the cloud holds as many contexts as it may");
    return nullptr;
  }
  ++state.contexts;
  ++state.use[client.identity].contexts;
  auto& stored = client.contexts[context];
  stored.epoch = epoch;
  stored.opened = self->clock().now();
  stored.last_used = stored.opened;
  report_level(state);
  return &stored;
}

/// The edge's window is one for all its contexts, so what it was not told of is counted over all of
/// them. A reply tells it too, but an ask may get none.
void acknowledge_if_due(StoreSelf self, StoredClient& client) {
  std::uint64_t unacknowledged = 0;
  for (const auto& [context, stored] : client.contexts) unacknowledged += stored.unacknowledged;
  if (unacknowledged < self->state.setting.acknowledge_bytes) return;
  for (auto& [context, stored] : client.contexts) {
    if (stored.unacknowledged > 0) answer_rows_held(self, client, context, stored);
  }
}

transport::Fault unauthorized(const std::string& identity) {
  transport::Fault fault;
  fault.code = transport::FaultCode::unauthorized;
  fault.message = "the cloud's link.allow does not name '" + identity + "'";
  return fault;
}

ClientAttached attach(StoreSelf self, const AttachClient& attach) {
  auto& state = self->state;
  if (!state.setting.allowed.allows(attach.identity)) return {0, unauthorized(attach.identity)};
  auto& id = state.by_identity[{attach.identity, attach.instance}];
  if (id == 0) id = ++state.last_client;
  auto& client = state.clients[id];
  const auto* codec = model::find_row_codec(attach.row_dtype);
  // Rows of another encoding would not fit those that are held.
  if (client.codec != nullptr && client.codec != codec) {
    while (!client.contexts.empty()) {
      drop(self, id, client, client.contexts.begin()->first, "rows of another type");
    }
  }
  client.identity = attach.identity;
  client.instance = attach.instance;
  client.codec = codec;
  client.peer = attach.peer;
  client.attached = true;
  return {id, std::nullopt};
}

void detach(StoreSelf self, const DetachClient& detach) {
  auto& state = self->state;
  const auto id = state.by_identity.find({detach.identity, detach.instance});
  if (id == state.by_identity.end()) return;
  const auto found = state.clients.find(id->second);
  if (found->second.peer != detach.peer) return;
  found->second.attached = false;
  found->second.detached = self->clock().now();
  // A stream that nobody reads is not worth computing, and cannot be taken up again.
  std::vector<std::uint64_t> streams;
  for (const auto& [context, stored] : found->second.contexts) {
    if (stored.generating) streams.push_back(context);
  }
  for (const auto context : streams) {
    drop(self, found->first, found->second, context, "nobody reads the stream");
  }
  if (found->second.contexts.empty()) forget(self, found);
}

/// `payload` from byte `begin` to `end`.
std::shared_ptr<const std::vector<std::byte>> part_of(
    std::shared_ptr<const std::vector<std::byte>> payload, std::size_t begin, std::size_t end) {
  if (begin == 0 && end == payload->size()) return payload;
  return std::make_shared<const std::vector<std::byte>>(
      payload->begin() + static_cast<std::ptrdiff_t>(begin),
      payload->begin() + static_cast<std::ptrdiff_t>(end));
}

/// Deep compute has nothing of it, or is to forget what it has.
void hand_all_again(StoredContext& stored) {
  stored.handed = 0;
  stored.handed_rows = 0;
  stored.prompt_handed = false;
  stored.handed_ids = 0;
}

/// Forgets every row from `rows` on. True: there were any.
bool forget_rows(StoreSelf self, const StoredClient& client, StoredContext& stored,
                 std::uint64_t rows) {
  if (rows >= stored.next_sequence) return false;
  auto& state = self->state;
  const auto row_bytes = client.codec->row_bytes(state.setting.hidden_size);
  const auto before = stored.row_bytes;
  while (stored.next_sequence > rows) {
    auto& last = stored.rows.back();
    const auto over = stored.next_sequence - rows;
    const auto removed = std::min<std::uint64_t>(over, static_cast<std::uint64_t>(last.count));
    stored.next_sequence -= removed;
    stored.row_bytes -= removed * row_bytes;
    if (std::cmp_equal(removed, last.count)) {
      stored.rows.pop_back();
      continue;
    }
    last.count -= static_cast<std::int64_t>(removed);
    last.bytes = part_of(last.bytes, 0, static_cast<std::size_t>(last.count) * row_bytes);
  }
  stored.handed = std::min(stored.handed, stored.rows.size());
  stored.handed_rows = std::min(stored.handed_rows, stored.next_sequence);
  stored.rows_used = std::min(stored.rows_used, stored.next_sequence);
  state.row_bytes -= before - stored.row_bytes;
  state.use[client.identity].row_bytes -= before - stored.row_bytes;
  report_level(state);
  return true;
}

/// The edge opens a context anew that is here: after a lost connection, or for the next generation
/// of a conversation.
void reopen(StoreSelf self, ContextKey key, const StoredClient& client, StoredContext& stored,
            const transport::OpenContext& open) {
  stored.epoch = open.epoch;
  stored.last_used = self->clock().now();
  // Nobody waits for the asks of the epoch before; what becomes of them is not counted any more.
  stored.asks_under_way = 0;
  const bool shorter = open.rows && forget_rows(self, client, stored, *open.rows);
  const bool other = stored.wanted != open.sampling || stored.prompt != open.prompt;
  // With penalties: which emitted ids had arrived is not known any more.
  if (!shorter && !other && !stored.sampling.has_penalties()) return;
  stored.prompt_handed = false;
  stored.handed_ids = 0;
  stored.emitted.clear();
  self->send(self->state.compute, RestartSession{key, static_cast<std::int64_t>(stored.handed_rows),
                                                 from_wire(open.sampling)});
}

void open(StoreSelf self, const StoreOpen& request) {
  auto* client = find_client(self, request.client);
  if (client == nullptr) return;
  const auto& open = request.open;
  const auto known = client->contexts.find(open.context);
  StoredContext* stored = nullptr;
  if (known == client->contexts.end()) {
    stored = make_context(self, *client, open.context, open.epoch);
    if (stored == nullptr) return;
  } else {
    stored = &known->second;
    if (open.epoch <= stored->epoch) {
      answer_fault(self, *client, open.context, open.epoch, FaultCode::stale_epoch,
                   "the context is open in epoch " + std::to_string(stored->epoch));
      return;
    }
    reopen(self, {request.client, open.context}, *client, *stored, open);
  }
  stored->wanted = open.sampling;
  stored->sampling = from_wire(open.sampling);
  stored->prompt = open.prompt;
  answer_rows_held(self, *client, open.context, *stored);
}

/// The context that was used the longest ago; of one identity where one is named.
std::optional<ContextKey> longest_unused(const ContextStoreState& state,
                                         const std::string* identity) {
  std::optional<ContextKey> oldest;
  caf::actor_clock::time_point since;
  for (const auto& [id, client] : state.clients) {
    if (identity != nullptr && client.identity != *identity) continue;
    for (const auto& [context, stored] : client.contexts) {
      if (stored.row_bytes == 0 || (oldest && stored.last_used >= since)) continue;
      oldest = {id, context};
      since = stored.last_used;
    }
  }
  return oldest;
}

/// Drops whole contexts until the row logs are within their bounds again. Their edges go on alone.
void keep_within_bounds(StoreSelf self, const std::string& identity) {
  auto& state = self->state;
  const auto& setting = state.setting;
  const auto exceeds = [](std::uint64_t bytes, std::uint64_t bound) {
    return bound > 0 && bytes > bound;
  };
  for (;;) {
    const auto use = state.use.find(identity);
    const bool own = use != state.use.end() &&
                     exceeds(use->second.row_bytes, setting.max_row_bytes_per_identity);
    if (!own && !exceeds(state.row_bytes, setting.max_row_bytes)) return;
    const auto victim = longest_unused(state, own ? &identity : nullptr);
    if (!victim) return;  // nothing holds a byte
    auto& client = state.clients.at(victim->client);
    answer_fault(self, client, victim->context, client.contexts.at(victim->context).epoch,
                 FaultCode::limit,
                 own ? "dropped: the rows of this identity's edges exceed their quota"
                     : "dropped: the cloud's memory for rows is full");
    setting.metrics->contexts_dropped.Increment();
    drop(self, victim->client, client, victim->context, own ? "quota for rows" : "memory for rows");
  }
}

/// Gives deep compute what it has not got of a context that has asked before.
void hand_ahead(StoreSelf self, ClientId client, std::uint64_t context, StoredContext& stored) {
  if (!self->state.setting.run_ahead || stored.handed == 0) return;
  for (; stored.handed < stored.rows.size(); ++stored.handed) {
    const auto& rows = stored.rows[stored.handed];
    self->send(self->state.compute,
               DeepRows{{client, context}, static_cast<std::int64_t>(stored.handed_rows), rows});
    stored.handed_rows += static_cast<std::uint64_t>(rows.count);
  }
}

void keep_rows(StoreSelf self, const StoreRows& request) {
  auto* client = find_client(self, request.client);
  if (client == nullptr) return;
  const auto& batch = request.batch;
  auto* stored = find_context(self, *client, batch.context, batch.epoch);
  if (stored == nullptr) return;
  const auto& setting = self->state.setting;
  const auto row_bytes = client->codec->row_bytes(setting.hidden_size);
  const auto count = batch.payload->size() / row_bytes;
  if (count == 0 || batch.payload->size() % row_bytes != 0) {
    answer_fault(self, *client, batch.context, batch.epoch, FaultCode::bad_row,
                 "rows of " + std::to_string(batch.payload->size()) +
                     " bytes are no whole number of " + std::to_string(row_bytes));
    return;
  }
  if (batch.first_sequence > stored->next_sequence) {
    answer_fault(self, *client, batch.context, batch.epoch, FaultCode::sequence_gap,
                 "rows before " + std::to_string(batch.first_sequence) + " are missing",
                 stored->next_sequence);
    return;
  }
  const auto end = batch.first_sequence + count;
  if (end > static_cast<std::uint64_t>(setting.max_positions)) {
    answer_fault(self, *client, batch.context, batch.epoch, FaultCode::limit,
                 "rows beyond the model's " + std::to_string(setting.max_positions) + " positions");
    return;
  }
  if (end <= stored->next_sequence) return;  // all of it was here before
  const auto fresh = end - stored->next_sequence;
  model::Rows rows;
  rows.count = static_cast<std::int64_t>(fresh);
  rows.codec = client->codec;
  rows.bytes = part_of(batch.payload, (count - fresh) * row_bytes, batch.payload->size());
  stored->row_bytes += rows.bytes->size();
  stored->unacknowledged += rows.bytes->size();
  self->state.row_bytes += rows.bytes->size();
  self->state.use[client->identity].row_bytes += rows.bytes->size();
  stored->rows.push_back(std::move(rows));
  stored->next_sequence = end;
  setting.metrics->rows_received.Increment(static_cast<double>(fresh));
  setting.metrics->row_bytes_received.Increment(static_cast<double>(fresh * row_bytes));
  report_level(self->state);
  hand_ahead(self, request.client, batch.context, *stored);
  acknowledge_if_due(self, *client);
  keep_within_bounds(self, client->identity);
}

/// Asks deep compute for the token that follows all rows.
void ask_compute(StoreSelf self, ContextKey key, const StoredClient& client, StoredContext& stored,
                 caf::actor_clock::time_point arrived, std::chrono::milliseconds remaining) {
  DeepAsk work;
  work.key = key;
  work.epoch = stored.epoch;
  work.position = static_cast<std::int64_t>(stored.next_sequence);
  work.first_row = static_cast<std::int64_t>(stored.handed_rows);
  work.rows.assign(stored.rows.begin() + static_cast<std::ptrdiff_t>(stored.handed),
                   stored.rows.end());
  work.rebuilds = std::exchange(stored.evicted, false);
  work.sampling = stored.sampling;
  if (!std::exchange(stored.prompt_handed, true)) work.prompt_history = stored.prompt;
  work.output_history.assign(
      stored.emitted.begin() + static_cast<std::ptrdiff_t>(stored.handed_ids),
      stored.emitted.end());
  work.arrived = arrived;
  work.remaining = remaining;
  work.peer = client.peer;
  stored.handed = stored.rows.size();
  stored.handed_rows = stored.next_sequence;
  stored.handed_ids = stored.emitted.size();
  self->send(self->state.compute, std::move(work));
}

void hand_over(StoreSelf self, const StoreAsk& request) {
  auto* client = find_client(self, request.client);
  if (client == nullptr) return;
  const auto& ask = request.ask;
  auto* stored = find_context(self, *client, ask.context, ask.epoch);
  if (stored == nullptr) return;
  if (ask.position != stored->next_sequence || ask.position == 0) {
    answer_fault(self, *client, ask.context, ask.epoch, FaultCode::sequence_gap,
                 "asked for position " + std::to_string(ask.position) + ", but there are " +
                     std::to_string(stored->next_sequence) + " rows",
                 stored->next_sequence);
    return;
  }
  // The edge sends each id once, so this ask's must be kept even where the ask goes no further.
  // Each has a row; more than rows would be nonsense, and is not kept.
  if (stored->emitted.size() + ask.emitted.size() <= stored->next_sequence) {
    stored->emitted.insert(stored->emitted.end(), ask.emitted.begin(), ask.emitted.end());
  }
  if (stored->asks_under_way >= self->state.setting.max_asks_under_way) {
    answer_fault(self, *client, ask.context, ask.epoch, FaultCode::overloaded,
                 "too many asks of one context are under way", 0, ask.position);
    return;
  }
  ++stored->asks_under_way;
  ask_compute(self, {request.client, ask.context}, *client, *stored, self->clock().now(),
              std::chrono::milliseconds(ask.remaining_ms));
}

/// Deep compute gave up the context's KV while the ask was on its way.
void ask_again(StoreSelf self, const AskReturned& returned) {
  auto* stored = find_stored(self, returned.key);
  if (stored == nullptr) return;
  hand_all_again(*stored);
  stored->evicted = true;
  if (stored->epoch != returned.epoch) return;  // its edge has opened the context anew meanwhile
  if (std::cmp_equal(stored->next_sequence, returned.position)) {
    ask_compute(self, returned.key, *find_client(self, returned.key.client), *stored,
                returned.arrived, returned.remaining);
  } else if (stored->asks_under_way > 0) {
    --stored->asks_under_way;  // the edge has gone on without it
  }
}

void start_generate(StoreSelf self, const StoreGenerate& request) {
  auto* client = find_client(self, request.client);
  if (client == nullptr) return;
  const auto& generate = request.generate;
  if (client->contexts.contains(generate.context)) {
    answer_fault(self, *client, generate.context, generate.epoch, FaultCode::protocol,
                 "this context is open already");
    return;
  }
  auto* stored = make_context(self, *client, generate.context, generate.epoch);
  if (stored == nullptr) return;
  stored->generating = true;
  self->send(self->state.compute,
             DeepGenerate{{request.client, generate.context}, generate, client->peer});
}

void sweep(StoreSelf self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  for (auto client = state.clients.begin(); client != state.clients.end();) {
    const auto current = client++;
    auto& [id, stored] = *current;
    if (!stored.attached && now - stored.detached >= state.setting.grace_time) {
      forget(self, current);
      continue;
    }
    std::vector<std::uint64_t> idle;
    for (const auto& [context, memory] : stored.contexts) {
      // Deep compute drops a context's ask with it: its edge would wait out the deadline.
      if (memory.generating || memory.asks_under_way > 0) continue;
      if (now - memory.last_used >= state.setting.context_ttl) idle.push_back(context);
    }
    for (const auto context : idle) drop(self, id, stored, context, "idle");
    if (!stored.attached && stored.contexts.empty()) forget(self, current);
  }
  self->delayed_send(self, state.setting.sweep_interval, Sweep{});
}

}  // namespace

context_store_actor::behavior_type context_store(StoreSelf self, const ContextStoreSetting& setting,
                                                 deep_compute_actor compute) {
  self->state.setting = setting;
  setting.metrics->row_budget.Set(static_cast<double>(setting.max_row_bytes));
  setting.metrics->context_budget.Set(static_cast<double>(setting.max_contexts));
  self->state.compute = std::move(compute);
  self->delayed_send(self, self->state.setting.sweep_interval, Sweep{});
  return {
      [self](const AttachClient& request) { return attach(self, request); },
      [self](const DetachClient& request) { detach(self, request); },
      [self](const StoreOpen& request) { open(self, request); },
      [self](const StoreRows& request) { keep_rows(self, request); },
      [self](const StoreAsk& request) { hand_over(self, request); },
      [self](const StoreClose& request) {
        auto* client = find_client(self, request.client);
        if (client == nullptr) return;
        const auto found = client->contexts.find(request.close.context);
        // An epoch's close must not end a later epoch.
        if (found != client->contexts.end() && found->second.epoch <= request.close.epoch) {
          drop(self, request.client, *client, request.close.context, "closed by the edge");
        }
      },
      [self](const StoreGenerate& request) { start_generate(self, request); },
      [self](const AskDone& done) {
        auto* stored = find_stored(self, done.key);
        // It may be an ask of an epoch that is past, or of a context that was dropped meanwhile.
        if (stored == nullptr || stored->epoch != done.epoch) return;
        if (stored->asks_under_way == 0) return;
        --stored->asks_under_way;
        stored->last_used = self->clock().now();
        if (done.rows_used == 0) return;
        ++stored->answers;
        stored->rows_used = std::max(stored->rows_used, static_cast<std::uint64_t>(done.rows_used));
      },
      [self](const AskReturned& returned) { ask_again(self, returned); },
      [self](const SessionEvicted& evicted) {
        auto* stored = find_stored(self, evicted.key);
        if (stored == nullptr || stored->handed == 0) return;
        hand_all_again(*stored);
        stored->evicted = true;
      },
      [self](const SessionLost& lost) {
        const auto* stored = find_stored(self, lost.key);
        if (stored == nullptr || stored->epoch != lost.epoch) return;
        drop(self, lost.key.client, *find_client(self, lost.key.client), lost.key.context,
             "its computation failed");
      },
      [self](const GenerateEnded& ended) {
        if (auto* client = find_client(self, ended.key.client)) {
          drop(self, ended.key.client, *client, ended.key.context, "generated");
        }
      },
      [self](const Sweep&) { sweep(self); },
      [self](const DismissClients& dismissal) {
        for (const auto& [id, client] : self->state.clients) {
          if (client.attached) {
            self->send(client.peer, ToPeer{transport::GoAway{dismissal.reason, 0}});
          }
        }
      },
      [self](const AllowEdges& change) {
        self->state.setting.allowed = change.allowed;
        for (const auto& [id, client] : self->state.clients) {
          if (client.attached && !change.allowed.allows(client.identity)) {
            self->send(client.peer, ToPeer{unauthorized(client.identity)});
          }
        }
      },
      [self](const GetStoreLevel&) {
        return StoreLevel{self->state.clients.size(), self->state.contexts, self->state.row_bytes};
      },
  };
}

}  // namespace cecollm::actors
