// huge.c: memory in huge pages: a fault and an entry of the TLB for 2 MiB in place of 4 KiB.
//
// Two kinds, both of Linux. Transparent ones are made by the system for memory that asks
// (Documentation/admin-guide/mm/transhuge.rst). Reserved ones were set aside by the administrator
// (hugetlbpage.rst, vm.nr_hugepages). Where one kind is not there the next smaller takes its place.
#define _DEFAULT_SOURCE // madvise, MAP_ANONYMOUS

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "port/huge.h"

#define HUGE_SIZE ((size_t)2 << 20)
// Below, the pages at both ends, which stay small, are most of a block.
#define ADVISED_SIZE ((size_t)4 << 20)

#if defined(MAP_HUGETLB) && !defined(MAP_HUGE_SHIFT)
#define MAP_HUGE_SHIFT 26 // linux/mman.h
#endif
#define MAP_HUGE_2MIB (21 << MAP_HUGE_SHIFT)

// ---- Transparent -------------------------------------------------------------------------------

// The huge pages that lie in the block as a whole, so that what is beside it is left alone, and no
// page is given for bytes that nobody asked for.
#if defined(MADV_HUGEPAGE) || defined(MADV_NOHUGEPAGE)
static void advise(void *pointer, size_t size, int advice) {
  const uintptr_t start = ((uintptr_t)pointer + HUGE_SIZE - 1) & ~(uintptr_t)(HUGE_SIZE - 1);
  const uintptr_t end = ((uintptr_t)pointer + size) & ~(uintptr_t)(HUGE_SIZE - 1);
  if (start < end) (void)madvise((void *)start, end - start, advice);
}
#endif

void ee_port_advise_huge(void *pointer, size_t size) {
#ifdef MADV_HUGEPAGE
  if (pointer && size >= ADVISED_SIZE) advise(pointer, size, MADV_HUGEPAGE);
#else
  (void)pointer, (void)size;
#endif
}

// ---- None --------------------------------------------------------------------------------------

static void *reallocate_small(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size == 0) {
    free(pointer);
    return NULL;
  }
  void *moved = realloc(pointer, new_size);
#ifdef MADV_NOHUGEPAGE
  // Systems may give them to everybody.
  if (moved && new_size >= ADVISED_SIZE) advise(moved, new_size, MADV_NOHUGEPAGE);
#endif
  return moved;
}

// ---- Reserved ----------------------------------------------------------------------------------

// Blocks of HUGE_SIZE and more are mappings; 0: no multiple of it is as large.
static size_t mapped_size(size_t size) {
  return size > SIZE_MAX - (HUGE_SIZE - 1) ? 0 : (size + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1);
}

static void *map(size_t size, int flags) {
  void *pages =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return pages == MAP_FAILED ? NULL : pages;
}

static void *map_reserved(size_t size) {
#ifdef MAP_HUGETLB
  void *pages = map(size, MAP_HUGETLB | MAP_HUGE_2MIB);
  if (!pages) return NULL;
#ifdef MADV_POPULATE_WRITE
  // A control group may have fewer than the system: better told here than by a signal later.
  // Systems that do not know the question (EINVAL) are taken at their word.
  if (madvise(pages, size, MADV_POPULATE_WRITE) != 0 && errno != EINVAL) {
    (void)munmap(pages, size);
    return NULL;
  }
#endif
  return pages;
#else
  (void)size;
  return NULL;
#endif
}

static void *allocate_mapped(size_t size) {
  const size_t whole = mapped_size(size);
  if (!whole) return NULL;
  void *pages = map_reserved(whole);
  if (pages) return pages;
  pages = map(whole, 0);
  ee_port_advise_huge(pages, size);
  return pages;
}

static void *allocate(size_t size) {
  return size < HUGE_SIZE ? malloc(size) : allocate_mapped(size);
}

static void release(void *pointer, size_t size) {
  if (size < HUGE_SIZE)
    free(pointer);
  else
    (void)munmap(pointer, mapped_size(size));
}

static void *reallocate_reserved(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  if (new_size == 0) {
    if (pointer) release(pointer, old_size);
    return NULL;
  }
  if (!pointer) return allocate(new_size);
  if (old_size < HUGE_SIZE && new_size < HUGE_SIZE) return realloc(pointer, new_size);
  const bool both_mapped = old_size >= HUGE_SIZE && new_size >= HUGE_SIZE;
  if (both_mapped && mapped_size(old_size) == mapped_size(new_size)) return pointer;
  void *moved = allocate(new_size);
  if (!moved) return NULL;
  memcpy(moved, pointer, old_size < new_size ? old_size : new_size);
  release(pointer, old_size);
  return moved;
}

eerie_allocator_t ee_port_allocator_small(void) {
  return (eerie_allocator_t){.reallocate = reallocate_small};
}

eerie_allocator_t ee_port_allocator_reserved(void) {
  return (eerie_allocator_t){.reallocate = reallocate_reserved};
}
