// Memory in huge pages, as the system itself tells of it: /proc/self/smaps.
#define _GNU_SOURCE

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eerie/eerie.h"
#include "unit/check.h"

enum { MIB = 1 << 20 };

// Kilobytes that the system gives under a key for all mappings that have a byte of the block.
static long pages_of(const void *block, size_t size, const char *key) {
  FILE *file = fopen("/proc/self/smaps", "r");
  if (!file) return -1;
  const uintptr_t first = (uintptr_t)block, last = first + size;
  char line[512];
  bool inside = false;
  long sum = 0;
  while (fgets(line, sizeof line, file)) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
      inside = start < last && end > first;
    else if (inside && strncmp(line, key, strlen(key)) == 0)
      sum += atol(line + strlen(key));
  }
  fclose(file);
  return sum;
}

static bool system_file_has(const char *path, const char *word) {
  char text[4096] = "";
  FILE *file = fopen(path, "r");
  if (!file) return false;
  const size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  return strstr(text, word) != NULL;
}

// Where the system gives them and tells of it, which emulators do not.
static bool has_transparent(void) {
  if (getenv("EERIE_TEST_EMULATED")) return false;
  static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
  return system_file_has(path, "[madvise]") || system_file_has(path, "[always]");
}

static long reserved_left(void) {
  char line[256];
  long left = 0;
  FILE *file = fopen("/proc/meminfo", "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "HugePages_Free: %ld", &left) == 1) break;
  if (file) fclose(file);
  return left;
}

static void *allocate(eerie_pages_t pages, size_t size) {
  const eerie_allocator_t allocator = eerie_system_allocator(pages);
  void *block = allocator.reallocate(allocator.user, NULL, 0, size);
  if (block) memset(block, 1, size);
  return block;
}

static void release(eerie_pages_t pages, void *block, size_t size) {
  const eerie_allocator_t allocator = eerie_system_allocator(pages);
  CHECK(!allocator.reallocate(allocator.user, block, size, 0));
}

static void large_blocks_get_huge_pages(void) {
  void *block = allocate(EERIE_PAGES_DEFAULT, 16 * MIB);
  REQUIRE(block);
  const long huge = pages_of(block, 16 * MIB, "AnonHugePages:");
  printf("of 16 MiB %ld kB are huge\n", huge);
  // The system gives them while it has some: how many is its own matter.
  if (has_transparent()) CHECK(huge >= 2048);
  release(EERIE_PAGES_DEFAULT, block, 16 * MIB);
}

static void small_stay_small(void) {
  void *block = allocate(EERIE_PAGES_SMALL, 16 * MIB);
  REQUIRE(block);
  CHECK_EQ_INT(pages_of(block, 16 * MIB, "AnonHugePages:"), 0);
  CHECK(pages_of(block, 16 * MIB, "Rss:") >= 16 * 1024);
  release(EERIE_PAGES_SMALL, block, 16 * MIB);
}

static void reserved_ones_are_taken_where_there_are_some(void) {
  const long left = reserved_left();
  void *block = allocate(EERIE_PAGES_RESERVED, 15 * MIB);
  REQUIRE(block);
  const long reserved = pages_of(block, 15 * MIB, "Private_Hugetlb:");
  const long huge = pages_of(block, 15 * MIB, "AnonHugePages:");
  printf("%ld are left, of 15 MiB %ld kB are reserved, %ld kB huge\n", left, reserved, huge);
  if (left >= 8) {
    CHECK_EQ_INT(reserved, 16 * 1024);
  } else {
    CHECK_EQ_INT(reserved, 0);
    if (has_transparent()) CHECK(huge >= 2048);
  }
  release(EERIE_PAGES_RESERVED, block, 15 * MIB);
  CHECK_EQ_INT(reserved_left(), left);
}

static uint8_t byte_at(size_t i) {
  return (uint8_t)(i * 31 + (i >> 12));
}

static void blocks_keep_their_bytes(eerie_pages_t pages) {
  static const size_t sizes[] = {100,     4096,    2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 9 * MIB,
                                 9 * MIB, 5 * MIB, 3 * MIB,     2 * MIB, 1 * MIB,     64};
  const eerie_allocator_t allocator = eerie_system_allocator(pages);
  uint8_t *block = NULL;
  size_t size = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    uint8_t *moved = allocator.reallocate(allocator.user, block, size, sizes[i]);
    REQUIRE(moved);
    size_t wrong = 0;
    for (size_t j = 0; j < size && j < sizes[i]; ++j)
      wrong += moved[j] != byte_at(j);
    CHECK_EQ_INT(wrong, 0);
    block = moved;
    size = sizes[i];
    for (size_t j = 0; j < size; ++j)
      block[j] = byte_at(j);
  }
  // The others are malloc's own matter.
  if (pages == EERIE_PAGES_RESERVED) {
    CHECK(!allocator.reallocate(allocator.user, block, size, SIZE_MAX - 1));
    CHECK(!allocator.reallocate(allocator.user, block, size, SIZE_MAX - 4 * MIB));
    CHECK_EQ_INT(block[size - 1], byte_at(size - 1));
  }
  CHECK(!allocator.reallocate(allocator.user, block, size, 0));
}

static void every_kind_resizes(void) {
  blocks_keep_their_bytes(EERIE_PAGES_DEFAULT);
  blocks_keep_their_bytes(EERIE_PAGES_SMALL);
  blocks_keep_their_bytes(EERIE_PAGES_RESERVED);
}

static void instances_use_them(void) {
  eerie_error_t err = {0};
  const eerie_instance_options_t options = {.allocator =
                                                eerie_system_allocator(EERIE_PAGES_RESERVED)};
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_tensor_t *tensor;
  CHECK_OK(eerie_instance_create(&options, &instance, &err));
  CHECK_OK(eerie_device_open(instance, NULL, &device, &err));
  const int64_t shape[] = {3 * MIB};
  float *values = calloc(3 * MIB, sizeof *values);
  REQUIRE(values);
  values[3 * MIB - 1] = 7;
  CHECK_OK(eerie_tensor_create(device, EERIE_F32, 1, shape, values, &tensor, &err));
  size_t current;
  eerie_instance_memory(instance, &current, NULL);
  CHECK(current >= 12 * MIB);
  values[3 * MIB - 1] = 0;
  CHECK_OK(eerie_tensor_read(tensor, 0, values, 12 * MIB, &err));
  CHECK(values[3 * MIB - 1] == 7);
  free(values);
  eerie_tensor_release(tensor);
  eerie_device_release(device);
  eerie_instance_release(instance);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(large_blocks_get_huge_pages), RUN(small_stay_small),
                                       RUN(reserved_ones_are_taken_where_there_are_some),
                                       RUN(every_kind_resizes), RUN(instances_use_them)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
