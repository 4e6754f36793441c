// Debian's libcaf is not built with ThreadSanitizer, so the sanitizer does not see how CAF hands
// messages, actors and references from one thread to another, and would report every message as a
// race. This file stands in front of the few functions of libcaf through which all hand-overs go
// and tells the sanitizer what they guarantee. It suppresses nothing: a race in our own code, on
// memory that no message carried, is still reported.
//
// Each function below has the name of one in libcaf (the dynamic linker prefers ours), annotates,
// and calls the real one, or does the same. CAF 0.17.6; another version has other names, and the
// static assertion and the look-ups fail loudly.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <caf/actor_control_block.hpp>
#include <caf/config.hpp>
#include <caf/mailbox_element.hpp>
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

static_assert(CAF_VERSION == 1706, "the names below are those of CAF 0.17.6");

#define CECOLLM_ENQUEUE(class_)                                              \
  "_ZN3caf" class_                                                           \
  "7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14" \
  "execution_unitE"

namespace {

template <class Function>
Function real(const char* name) {
  auto* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::fprintf(stderr, "caf_tsan_bridge: libcaf has no %s\n", name);
    std::abort();
  }
  return reinterpret_cast<Function>(found);
}

/// A unique_ptr parameter is passed as the address of the caller's object.
using Enqueue = void (*)(void* actor, void** element, void* unit);

/// A message, as whoever destroys it knows it.
void* managed(void* element) {
  return static_cast<caf::memory_managed*>(static_cast<caf::mailbox_element*>(element));
}

}  // namespace

// --- messages: what the sender wrote is visible to the handler

void scheduled_enqueue(void* actor, void** element,
                       void* unit) __asm__(CECOLLM_ENQUEUE("15scheduled_actor"));
void scheduled_enqueue(void* actor, void** element, void* unit) {
  static const auto next = real<Enqueue>(CECOLLM_ENQUEUE("15scheduled_actor"));
  __tsan_release(*element);
  __tsan_release(managed(*element));
  next(actor, element, unit);
}

void blocking_enqueue(void* actor, void** element,
                      void* unit) __asm__(CECOLLM_ENQUEUE("14blocking_actor"));
void blocking_enqueue(void* actor, void** element, void* unit) {
  static const auto next = real<Enqueue>(CECOLLM_ENQUEUE("14blocking_actor"));
  __tsan_release(*element);
  __tsan_release(managed(*element));
  next(actor, element, unit);
}

int scheduled_consume(void* actor, void* element) __asm__(
    "_ZN3caf15scheduled_actor7consumeERNS_15mailbox_elementE");
int scheduled_consume(void* actor, void* element) {
  static const auto next =
      real<int (*)(void*, void*)>("_ZN3caf15scheduled_actor7consumeERNS_15mailbox_elementE");
  __tsan_acquire(element);
  return next(actor, element);
}

int blocking_consume(void* visitor, void* element) __asm__(
    "_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE");
int blocking_consume(void* visitor, void* element) {
  static const auto next = real<int (*)(void*, void*)>(
      "_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE");
  __tsan_acquire(element);
  return next(visitor, element);
}

/// An actor that ends destroys the messages that it never handled.
void destroy_message(const void* message,
                     bool deleted) __asm__("_ZNK3caf14memory_managed16request_deletionEb");
void destroy_message(const void* message, bool deleted) {
  static const auto next =
      real<void (*)(const void*, bool)>("_ZNK3caf14memory_managed16request_deletionEb");
  __tsan_acquire(const_cast<void*>(message));
  next(message, deleted);
}

// --- actors: what one worker thread did for an actor is visible to the next

int scheduled_resume(void* actor, void* unit, std::size_t throughput) __asm__(
    "_ZN3caf15scheduled_actor6resumeEPNS_14execution_unitEm");
int scheduled_resume(void* actor, void* unit, std::size_t throughput) {
  static const auto next = real<int (*)(void*, void*, std::size_t)>(
      "_ZN3caf15scheduled_actor6resumeEPNS_14execution_unitEm");
  __tsan_acquire(actor);
  const int result = next(actor, unit, throughput);
  __tsan_release(actor);
  return result;
}

/// The same through the base class by which schedulers know an actor.
int resumable_resume(void* resumable, void* unit, std::size_t throughput) __asm__(
    "_ZThn160_N3caf15scheduled_actor6resumeEPNS_14execution_unitEm");
int resumable_resume(void* resumable, void* unit, std::size_t throughput) {
  static const auto next = real<int (*)(void*, void*, std::size_t)>(
      "_ZThn160_N3caf15scheduled_actor6resumeEPNS_14execution_unitEm");
  constexpr std::ptrdiff_t offset_of_resumable = 160;
  void* actor = static_cast<char*>(resumable) - offset_of_resumable;
  __tsan_acquire(actor);
  const int result = next(resumable, unit, throughput);
  __tsan_release(actor);
  return result;
}

/// What the spawner prepared is visible to the thread that starts the actor.
using Launch = void (*)(void*, void*, bool, bool);

void scheduled_launch(void* actor, void* unit, bool lazy,
                      bool hide) __asm__("_ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb");
void scheduled_launch(void* actor, void* unit, bool lazy, bool hide) {
  static const auto next = real<Launch>("_ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb");
  __tsan_release(actor);
  next(actor, unit, lazy, hide);
}

void broker_launch(void* actor, void* unit, bool lazy,
                   bool hide) __asm__("_ZN3caf2io15abstract_broker6launchEPNS_14execution_unitEbb");
void broker_launch(void* actor, void* unit, bool lazy, bool hide) {
  static const auto next =
      real<Launch>("_ZN3caf2io15abstract_broker6launchEPNS_14execution_unitEbb");
  __tsan_release(actor);
  next(actor, unit, lazy, hide);
}

// --- references: whoever drops the last one sees what all others did

void release_reference(const void* counted) __asm__("_ZNK3caf11ref_counted5derefEv");
void release_reference(const void* counted) {
  static const auto next = real<void (*)(const void*)>("_ZNK3caf11ref_counted5derefEv");
  auto* address = const_cast<void*>(counted);
  __tsan_release(address);
  __tsan_acquire(address);
  next(counted);
}

// An actor's two: the same steps as libcaf's, compiled here, where the sanitizer sees the counts.
// With annotations before the real function, another thread could drop its reference between the
// two.

void release_actor_weakly(caf::actor_control_block* block) __asm__(
    "_ZN3caf26intrusive_ptr_release_weakEPNS_19actor_control_blockE");
void release_actor_weakly(caf::actor_control_block* block) {
  if (block->weak_refs.load() == 1 || block->weak_refs.fetch_sub(1) == 1) {
    block->block_dtor(block);
  }
}

void release_actor(caf::actor_control_block* block) __asm__(
    "_ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE");
void release_actor(caf::actor_control_block* block) {
  if (block->strong_refs.fetch_sub(1) == 1) {
    block->data_dtor(block->get());
    release_actor_weakly(block);
  }
}
