// atomic.h: the few atomic operations of the HAL; plain ones when the build has no threads.
#ifndef EE_HAL_ATOMIC_H_
#define EE_HAL_ATOMIC_H_

#include "eerie/eerie_base.h"

#if EERIE_THREADS
#include <stdatomic.h>
#define EE_ATOMIC(type)            _Atomic(type)
#define ee_atomic_init(p, v)       atomic_init((p), (v))
#define ee_load_relaxed(p)         atomic_load_explicit((p), memory_order_relaxed)
#define ee_load_acquire(p)         atomic_load_explicit((p), memory_order_acquire)
#define ee_store_release(p, v)     atomic_store_explicit((p), (v), memory_order_release)
#define ee_fetch_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define ee_fetch_sub_acq_rel(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)
// Strong; on failure *expected becomes what was found.
#define ee_compare_exchange(p, expected, v)                                                        \
  atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acq_rel,              \
                                          memory_order_acquire)
#else
#define EE_ATOMIC(type)            type
#define ee_atomic_init(p, v)       ((void)(*(p) = (v)))
#define ee_load_relaxed(p)         (*(p))
#define ee_load_acquire(p)         (*(p))
#define ee_store_release(p, v)     ((void)(*(p) = (v)))
#define ee_fetch_add_relaxed(p, v) ((*(p) += (v)) - (v))
#define ee_fetch_sub_acq_rel(p, v) ((*(p) -= (v)) + (v))
#define ee_compare_exchange(p, expected, v)                                                        \
  (*(p) == *(expected) ? ((void)(*(p) = (v)), true) : ((void)(*(expected) = *(p)), false))
#endif

#endif // EE_HAL_ATOMIC_H_
