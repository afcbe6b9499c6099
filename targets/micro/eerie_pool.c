/* eerie_pool.c: see eerie_pool.h. */
#include "eerie_pool.h"

#include <stdint.h>
#include <string.h>

typedef struct eerie_pool_hole {
  struct eerie_pool_hole *next;
  size_t size;
} hole_t;

/* As much as any type asks for; a hole fits into the smallest block. */
#define UNIT ((size_t)16)

static size_t round_up(size_t size) {
  return size > SIZE_MAX - UNIT ? 0 : (size + UNIT - 1) / UNIT * UNIT;
}

void eerie_pool_initialize(eerie_pool_t *pool, void *memory, size_t size) {
  const size_t lost = (UNIT - (uintptr_t)memory % UNIT) % UNIT;
  *pool = (eerie_pool_t){0};
  if (size < lost + UNIT) return;
  pool->holes = (hole_t *)(void *)((uint8_t *)memory + lost);
  *pool->holes = (hole_t){NULL, (size - lost) / UNIT * UNIT};
}

static void *take(eerie_pool_t *pool, size_t size) {
  for (hole_t **link = &pool->holes; *link; link = &(*link)->next) {
    hole_t *hole = *link;
    if (hole->size < size) continue;
    if (hole->size == size) {
      *link = hole->next;
    } else {
      hole_t *rest = (hole_t *)(void *)((uint8_t *)hole + size);
      *rest = (hole_t){hole->next, hole->size - size};
      *link = rest;
    }
    pool->used += size;
    if (pool->used > pool->peak) pool->peak = pool->used;
    return hole;
  }
  return NULL;
}

/* Joins the second hole to the first when they touch. */
static void join(hole_t *hole) {
  hole_t *next = hole->next;
  if (!next || (uint8_t *)hole + hole->size != (uint8_t *)next) return;
  *hole = (hole_t){next->next, hole->size + next->size};
}

static void give(eerie_pool_t *pool, void *pointer, size_t size) {
  hole_t *hole = pointer, *before = NULL;
  hole_t **link = &pool->holes;
  while (*link && *link < hole) {
    before = *link;
    link = &before->next;
  }
  *hole = (hole_t){*link, size};
  *link = hole;
  join(hole);
  if (before) join(before);
  pool->used -= size;
}

void *eerie_pool_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  eerie_pool_t *pool = user;
  const size_t old_bytes = round_up(old_size), new_bytes = round_up(new_size);
  if (new_size && !new_bytes) return NULL;
  if (pointer && old_bytes == new_bytes) return pointer;
  void *block = NULL;
  if (new_bytes) {
    block = take(pool, new_bytes);
    if (!block) return NULL;
    if (pointer) memcpy(block, pointer, old_size < new_size ? old_size : new_size);
  }
  if (pointer) give(pool, pointer, old_bytes);
  return block;
}
