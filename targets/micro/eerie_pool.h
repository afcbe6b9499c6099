/* eerie_pool.h: an allocator for Eerie's runtime that lives in memory which the caller gives.
 *
 *   static _Alignas(16) uint8_t memory[24 * 1024];
 *   eerie_pool_t pool;
 *   eerie_pool_initialize(&pool, memory, sizeof memory);
 *   const eerie_instance_options_t options = {.allocator = {eerie_pool_reallocate, &pool}};
 *
 * Blocks carry no header: who frees one knows its size, as eerie_allocator_t asks. Free memory is a
 * list in the order of addresses, of which the first that fits is taken. Not for several threads.
 */
#ifndef EERIE_POOL_H_
#define EERIE_POOL_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eerie_pool {
  struct eerie_pool_hole *holes;
  size_t used, peak; /* bytes, for whoever wants to know */
} eerie_pool_t;

/* `memory` may begin and end anywhere; what alignment costs is not used. */
void eerie_pool_initialize(eerie_pool_t *pool, void *memory, size_t size);

/* For eerie_allocator_t; `user` is the pool. NULL: no hole is large enough. */
void *eerie_pool_reallocate(void *user, void *pointer, size_t old_size, size_t new_size);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* EERIE_POOL_H_ */
