// memory.c: the system's allocator, and pages for code.
#define _DEFAULT_SOURCE // MAP_ANONYMOUS is not in POSIX

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/huge.h"
#include "port/port.h"

static void *system_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size == 0) {
    free(pointer);
    return NULL;
  }
  void *moved = realloc(pointer, new_size);
  ee_port_advise_huge(moved, new_size);
  return moved;
}

eerie_allocator_t ee_port_allocator(void) {
  return (eerie_allocator_t){.reallocate = system_reallocate};
}

size_t ee_port_page_size(void) {
  const long size = sysconf(_SC_PAGESIZE);
  return size > 0 ? (size_t)size : 4096;
}

eerie_status_t ee_port_code_allocate(size_t size, uint8_t **out_pages, eerie_error_t *err) {
  void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no %zu bytes of pages for code: %s", size,
                   strerror(errno));
  }
  *out_pages = pages;
  return EERIE_OK;
}

eerie_status_t ee_port_code_protect(uint8_t *pages, size_t size, ee_port_protection_t protection,
                                    eerie_error_t *err) {
  static const int modes[] = {
      [EE_PORT_READ] = PROT_READ,
      [EE_PORT_READ_WRITE] = PROT_READ | PROT_WRITE,
      [EE_PORT_READ_EXECUTE] = PROT_READ | PROT_EXEC,
  };
  if (mprotect(pages, size, modes[protection]) != 0) {
    return EE_FAIL(err, EERIE_PERMISSION_DENIED,
                   "the system refuses to protect %zu bytes of pages for code: %s", size,
                   strerror(errno));
  }
  if (protection == EE_PORT_READ_EXECUTE) {
    __builtin___clear_cache((char *)pages, (char *)pages + size);
  }
  return EERIE_OK;
}

void ee_port_code_free(uint8_t *pages, size_t size) {
  (void)munmap(pages, size);
}
