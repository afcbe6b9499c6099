// object.h: reference-counted objects, the things that VM ref registers point to.
//
// An object starts with an ee_object_t. The type descriptor is a static table shared by all objects
// of the type; comparing its address is the type check. `name` is the type's name in module files
// ("vm.buffer", "hal.buffer_view").
#ifndef EE_BASE_OBJECT_H_
#define EE_BASE_OBJECT_H_

#include "eerie/eerie_base.h"

#if EERIE_THREADS
#include <stdatomic.h>
#endif

typedef struct ee_object ee_object_t;

typedef struct ee_object_type {
  const char *name;
  void (*destroy)(ee_object_t *object); // called once, when the last reference goes
} ee_object_type_t;

struct ee_object {
  const ee_object_type_t *type;
#if EERIE_THREADS
  atomic_uint references;
#else
  unsigned references;
#endif
};

// The creator holds the first reference.
static inline void ee_object_initialize(ee_object_t *object, const ee_object_type_t *type) {
  object->type = type;
#if EERIE_THREADS
  atomic_init(&object->references, 1u);
#else
  object->references = 1u;
#endif
}

// NULL is harmless. Relaxed: whoever retains holds a reference already.
static inline void ee_object_retain(ee_object_t *object) {
  if (!object) return;
#if EERIE_THREADS
  atomic_fetch_add_explicit(&object->references, 1u, memory_order_relaxed);
#else
  ++object->references;
#endif
}

// NULL is harmless. Acquire-release: the last holder must see what all others wrote before they let
// go. An only holder skips the locked instruction, which is most of the cost of a release.
static inline void ee_object_release(ee_object_t *object) {
  if (!object) return;
#if EERIE_THREADS
  if (atomic_load_explicit(&object->references, memory_order_acquire) != 1u &&
      atomic_fetch_sub_explicit(&object->references, 1u, memory_order_acq_rel) != 1u) {
    return;
  }
#else
  if (--object->references != 0u) return;
#endif
  object->type->destroy(object);
}

// True when the caller's reference is the only one.
static inline bool ee_object_is_unique(ee_object_t *object) {
#if EERIE_THREADS
  return atomic_load_explicit(&object->references, memory_order_acquire) == 1u;
#else
  return object->references == 1u;
#endif
}

#endif // EE_BASE_OBJECT_H_
