// How long it takes to bring bytes to a device and back: makes a tensor of host bytes and reads it,
// into memory that was touched before, and prints the least nanoseconds of both.
//
//   transfer DEVICE BYTES TURNS
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "eerie/eerie.h"

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static _Noreturn void die(const char *what, const eerie_error_t *err) {
  fprintf(stderr, "transfer: %s: %s\n", what, err->message);
  exit(1);
}

// Memory as NumPy gets it for large arrays: of huge pages where the system has them.
static uint8_t *allocate(size_t size, int content) {
  const size_t unit = (size_t)2 << 20;
  uint8_t *const bytes = aligned_alloc(unit, (size + unit - 1) / unit * unit);
  if (!bytes) return NULL;
#ifdef MADV_HUGEPAGE
  (void)madvise(bytes, (size + unit - 1) / unit * unit, MADV_HUGEPAGE);
#endif
  return memset(bytes, content, size);
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "transfer DEVICE BYTES TURNS\n");
    return 2;
  }
  const int64_t size = strtoll(argv[2], NULL, 10);
  const long turns = strtol(argv[3], NULL, 10);
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  if (size < 1 || eerie_instance_create(NULL, &instance, &err)) die("instance", &err);
  if (eerie_device_open(instance, argv[1], &device, &err)) die(argv[1], &err);
  uint8_t *const from = allocate((size_t)size, 1), *const to = allocate((size_t)size, 2);
  if (!from || !to) die("memory", &err);
  int64_t up = INT64_MAX, down = INT64_MAX;
  for (long i = 0; i < turns; ++i) {
    eerie_tensor_t *tensor = NULL;
    from[size - 1] = (uint8_t)i;
    const int64_t start = now_ns();
    if (eerie_tensor_create(device, EERIE_U8, 1, &size, from, &tensor, &err)) die("create", &err);
    const int64_t middle = now_ns();
    if (eerie_tensor_read(tensor, 0, to, (size_t)size, &err)) die("read", &err);
    const int64_t end = now_ns();
    if (to[size - 1] != (uint8_t)i) die("the bytes differ", &err);
    if (middle - start < up) up = middle - start;
    if (end - middle < down) down = end - middle;
    eerie_tensor_release(tensor);
  }
  printf("%" PRId64 " %" PRId64 "\n", up, down);
  free(from);
  free(to);
  eerie_device_release(device);
  eerie_instance_release(instance);
  return 0;
}
