// Tests of runtime/port/posix: files, pages for code, clock, locks, the processor.
#define _DEFAULT_SOURCE // usleep

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/port.h"
#include "unit/check.h"

static void path_of(char *path, size_t size, const char *name) {
  snprintf(path, size, "%s/port_test_%ld_%s", EERIE_TEST_BINARY_DIR, (long)getpid(), name);
}

static void maps_whole_files(void) {
  char path[512];
  path_of(path, sizeof path, "file");
  FILE *file = fopen(path, "wb");
  REQUIRE(file);
  for (int i = 0; i < 10000; ++i)
    fputc(i & 0xFF, file);
  fclose(file);
  ee_bytes_t bytes = {NULL, 0};
  REQUIRE_OK(ee_port_file_map(path, &bytes, NULL));
  unlink(path); // the mapping stays
  CHECK_EQ_INT(bytes.size, 10000);
  CHECK_EQ_INT(bytes.data[9999], 9999 & 0xFF);
  CHECK_EQ_INT((uintptr_t)bytes.data % ee_port_page_size(), 0);
  ee_port_file_unmap(bytes);
}

static void writes_through_a_mapping(void) {
  char path[512];
  path_of(path, sizeof path, "shared");
  FILE *file = fopen(path, "wb");
  REQUIRE(file);
  const size_t size = 3 * ee_port_page_size() + 100;
  for (size_t i = 0; i < size; ++i)
    fputc((int)(i & 0x7F), file);
  fclose(file);
  ee_bytes_t bytes = {NULL, 0};
  REQUIRE_OK(ee_port_file_map_shared(path, &bytes, NULL));
  CHECK_EQ_INT(bytes.size, size);
  ((uint8_t *)(uintptr_t)bytes.data)[size - 1] = 0xEE;
  ee_port_file_evict(bytes); // what was written stays written
  CHECK_EQ_INT(bytes.data[size - 1], 0xEE);
  CHECK_EQ_INT(bytes.data[5], 5);
  ee_port_file_unmap(bytes);
  REQUIRE_OK(ee_port_file_map(path, &bytes, NULL));
  CHECK_EQ_INT(bytes.data[size - 1], 0xEE);
  // Any range may be named; contents stay.
  for (size_t i = 0; i < 40; ++i)
    ee_port_file_evict((ee_bytes_t){bytes.data + i * 300, size - i * 300});
  ee_port_file_evict((ee_bytes_t){bytes.data, 0});
  for (size_t i = 0; i + 1 < size; ++i)
    CHECK(bytes.data[i] == (i & 0x7F));
  ee_port_file_unmap(bytes);
  eerie_error_t err = {.code = EERIE_OK};
  unlink(path);
  CHECK_STATUS(ee_port_file_map_shared(path, &bytes, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, path);
}

static long resident_pages(void) {
  long all = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  const int found = fscanf(file, "%ld %ld", &all, &resident);
  fclose(file);
  return found == 2 ? resident : 0;
}

static void evicts_what_was_not_written(void) {
  char path[512];
  path_of(path, sizeof path, "evict");
  FILE *file = fopen(path, "wb");
  REQUIRE(file);
  const size_t page = ee_port_page_size(), pages = 1500, size = pages * page;
  for (size_t i = 0; i < size; ++i)
    putc((int)(i / page % 251), file);
  fclose(file);
  ee_bytes_t bytes = {NULL, 0};
  REQUIRE_OK(ee_port_file_map(path, &bytes, NULL));
  unlink(path);
  // Some pages are written, some only read, some not looked at.
  uint8_t *data = (uint8_t *)(uintptr_t)bytes.data;
  unsigned sum = 0;
  for (size_t i = 0; i < 1000; ++i)
    sum += bytes.data[i * page];
  CHECK(sum != 0);
  for (size_t i = 3; i < 1000; i += 100)
    data[i * page + 7] = 0xEE;
  const long before = resident_pages();
  ee_port_file_evict_unwritten((ee_bytes_t){bytes.data + 1, bytes.size - 2});
  if (before == 0 || access("/proc/self/pagemap", R_OK) != 0) SKIP("the system tells nothing");
  // An emulator of another CPU tells of its own memory; then nothing is evicted.
  if (!getenv("EERIE_TEST_EMULATED")) CHECK(resident_pages() < before - 900);
  for (size_t i = 0; i < pages; ++i) {
    const bool written = i < 1000 && i % 100 == 3;
    CHECK_EQ_INT(bytes.data[i * page + 7], written ? 0xEE : i % 251);
    CHECK_EQ_INT(bytes.data[i * page], i % 251);
  }
  ee_port_file_evict_unwritten((ee_bytes_t){bytes.data + 1, page});
  ee_port_file_evict_unwritten((ee_bytes_t){NULL, 0});
  ee_port_file_unmap(bytes);
}

static void names_what_it_cannot_map(void) {
  char path[512];
  eerie_error_t err = {.code = EERIE_OK};
  ee_bytes_t bytes = {NULL, 0};
  path_of(path, sizeof path, "missing");
  CHECK_STATUS(ee_port_file_map(path, &bytes, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, path);
  CHECK(ee_port_file_map(EERIE_TEST_BINARY_DIR, &bytes, &err) != EERIE_OK);
  CHECK_CONTAINS(err.message, "irectory");
  CHECK_STATUS(ee_port_file_map("/dev/null", &bytes, &err), EERIE_INVALID_ARGUMENT);
  path_of(path, sizeof path, "pipe");
  REQUIRE(mkfifo(path, 0600) == 0);
  CHECK_STATUS(ee_port_file_map(path, &bytes, &err), EERIE_INVALID_ARGUMENT); // and does not hang
  unlink(path);
  path_of(path, sizeof path, "empty");
  FILE *file = fopen(path, "wb");
  REQUIRE(file);
  fclose(file);
  bytes.size = 99;
  CHECK_OK(ee_port_file_map(path, &bytes, &err));
  CHECK_EQ_INT(bytes.size, 0);
  ee_port_file_unmap(bytes);
  if (geteuid() != 0) {
    chmod(path, 0);
    CHECK_STATUS(ee_port_file_map(path, &bytes, &err), EERIE_PERMISSION_DENIED);
  }
  unlink(path);
}

// ---- Files that are replaced -------------------------------------------------------------------

enum { REPLACED = 3 << 20 };

// What is there is of one writer, from the first byte to the last; 0: not, or nothing is there.
static int content_of(const char *path) {
  ee_bytes_t bytes = {NULL, 0};
  if (ee_port_file_map(path, &bytes, NULL) != EERIE_OK) return 0;
  int first = bytes.size == REPLACED ? bytes.data[0] : 0;
  for (size_t i = 0; first && i < bytes.size; ++i)
    if (bytes.data[i] != first) first = 0;
  ee_port_file_unmap(bytes);
  return first;
}

// Writes the file again and again until it is killed; never returns.
static void write_for_ever(const char *path, int content) {
  uint8_t *bytes = malloc(REPLACED);
  if (!bytes) _exit(1);
  memset(bytes, content, REPLACED);
  for (;;)
    (void)ee_port_file_replace(path, (ee_bytes_t){bytes, REPLACED}, NULL);
}

static void replaced_files_are_whole(void) {
  char path[512], next[520];
  path_of(path, sizeof path, "replaced");
  snprintf(next, sizeof next, "%s.new", path);
  uint8_t *bytes = malloc(REPLACED);
  REQUIRE(bytes);
  memset(bytes, 1, REPLACED);
  CHECK_OK(ee_port_file_replace(path, (ee_bytes_t){bytes, REPLACED}, NULL));
  int seen = 0;
  for (int round = 0; round < 24; ++round) {
    // One writer or two, killed after some time.
    pid_t writers[2] = {fork(), 0};
    if (writers[0] == 0) write_for_ever(path, 2);
    if (round & 1 && (writers[1] = fork()) == 0) write_for_ever(path, 3);
    usleep((useconds_t)(round * 700));
    const int content = content_of(path);
    CHECK(content != 0);
    seen |= 1 << content;
    for (int i = 0; i < 2; ++i) {
      if (writers[i] <= 0) continue;
      CHECK(kill(writers[i], SIGKILL) == 0);
      CHECK(waitpid(writers[i], NULL, 0) == writers[i]);
    }
    CHECK(content_of(path) != 0);
  }
  CHECK(seen & 1 << 2);
  // What they left does not stop the next one, and is gone then.
  CHECK_OK(ee_port_file_replace(path, (ee_bytes_t){bytes, REPLACED}, NULL));
  CHECK_EQ_INT(content_of(path), 1);
  CHECK(access(next, F_OK) != 0);
  unlink(path);
  free(bytes);
}

static void pages_become_code(void) {
  const size_t page = ee_port_page_size();
  uint8_t *pages = NULL;
  REQUIRE_OK(ee_port_code_allocate(2 * page, &pages, NULL));
  CHECK_EQ_INT((uintptr_t)pages % page, 0);
  CHECK_EQ_INT(pages[0] | pages[2 * page - 1], 0);
#if defined(__x86_64__)
  static const uint8_t answer[] = {0xB8, 42, 0, 0, 0, 0xC3}; // mov eax, 42; ret
#elif defined(__aarch64__)
  static const uint8_t answer[] = {0x40, 0x05, 0x80, 0x52, 0xC0, 0x03, 0x5F, 0xD6};
#elif defined(__arm__) // mov r0, #42; bx lr
  static const uint8_t answer[] = {0x2A, 0x00, 0xA0, 0xE3, 0x1E, 0xFF, 0x2F, 0xE1};
#elif defined(__riscv) // li a0, 42; ret
  static const uint8_t answer[] = {0x13, 0x05, 0xA0, 0x02, 0x67, 0x80, 0x00, 0x00};
#else
  static const uint8_t answer[] = {0};
  SKIP("no machine code for this processor");
#endif
  memcpy(pages, answer, sizeof answer);
  REQUIRE_OK(ee_port_code_protect(pages, page, EE_PORT_READ_EXECUTE, NULL));
  REQUIRE_OK(ee_port_code_protect(pages + page, page, EE_PORT_READ, NULL));
  CHECK_EQ_INT(((int (*)(void))(uintptr_t)pages)(), 42);
  ee_port_code_free(pages, 2 * page);
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_port_code_allocate(SIZE_MAX / page * page, &pages, &err),
               EERIE_RESOURCE_EXHAUSTED);
  if (getenv("EERIE_TEST_EMULATED")) return; // where pages that are not there may be protected
  CHECK_STATUS(ee_port_code_protect((uint8_t *)page, page, EE_PORT_READ, &err),
               EERIE_PERMISSION_DENIED);
}

static void the_clock_goes_forward(void) {
  const int64_t before = ee_port_time_ns();
  const struct timespec pause = {.tv_nsec = 2000000};
  nanosleep(&pause, NULL);
  const int64_t passed = ee_port_time_ns() - before;
  CHECK(passed >= 2000000 && passed < 60000000000);
}

typedef struct shared {
  ee_port_monitor_t monitor;
  int turn;
} shared_t;

static void *wait_for_turns(void *user) {
  shared_t *s = user;
  ee_port_monitor_lock(&s->monitor);
  for (int i = 0; i < 100; ++i) {
    while (s->turn != 2 * i + 1)
      ee_port_monitor_wait(&s->monitor, INT64_MAX);
    ++s->turn;
    ee_port_monitor_notify_all(&s->monitor);
  }
  ee_port_monitor_unlock(&s->monitor);
  return NULL;
}

static void monitors_pass_the_turn(void) {
#if EERIE_THREADS
  shared_t s = {.turn = 0};
  ee_port_monitor_initialize(&s.monitor);
  pthread_t thread;
  REQUIRE(pthread_create(&thread, NULL, wait_for_turns, &s) == 0);
  ee_port_monitor_lock(&s.monitor);
  for (int i = 0; i < 100; ++i) {
    while (s.turn != 2 * i)
      ee_port_monitor_wait(&s.monitor, INT64_MAX);
    ++s.turn;
    ee_port_monitor_notify_all(&s.monitor);
  }
  const int64_t deadline = ee_port_time_ns() + 3000000;
  while (ee_port_monitor_wait(&s.monitor, deadline)) {
  }
  CHECK(ee_port_time_ns() >= deadline);
  CHECK(!ee_port_monitor_wait(&s.monitor, 0));
  ee_port_monitor_unlock(&s.monitor);
  pthread_join(thread, NULL);
  CHECK_EQ_INT(s.turn, 200);
  ee_port_monitor_destroy(&s.monitor);
#else
  (void)wait_for_turns;
  SKIP("a build without threads");
#endif
}

static ee_bytes_t file_with(const char *part, char path[512]) {
  ee_bytes_t bytes = {NULL, 0};
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[1024];
  while (maps && !bytes.size && fgets(line, sizeof line, maps)) {
    const char *start = strstr(line, part) ? strchr(line, '/') : NULL;
    if (!start) continue;
    snprintf(path, 512, "%.*s", (int)strcspn(start, "\n"), start);
    if (ee_port_file_map(path, &bytes, NULL) != EERIE_OK) break;
  }
  if (maps) fclose(maps);
  return bytes;
}

static void opens_shared_libraries(void) {
  char path[512] = "";
  ee_port_library_t named = {0}, first = {0}, second = {0};
  if (ee_port_library_open("libm.so.6", &named, NULL) != EERIE_OK)
    SKIP("no shared library of glibc");
  const ee_bytes_t file = file_with("/libm", path);
  ee_port_library_close(&named);
  if (!file.size) SKIP("no /proc/self/maps");
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_port_library_open("/nothing/here.so", &named, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "/nothing/here.so");
  ee_port_library_close(&named);
  CHECK_STATUS(ee_port_library_load((ee_bytes_t){(const uint8_t *)"text", 4}, &named, &err),
               EERIE_DATA_LOSS);
  REQUIRE_OK(ee_port_library_open(path, &named, &err));
  // Twice from memory: each is a library of its own.
  REQUIRE_OK(ee_port_library_load(file, &first, &err));
  REQUIRE_OK(ee_port_library_load(file, &second, &err));
  ee_port_file_unmap(file);
  void *const functions[] = {ee_port_library_find(&named, "cbrt"),
                             ee_port_library_find(&first, "cbrt"),
                             ee_port_library_find(&second, "cbrt")};
  for (size_t i = 0; i < 3; ++i) {
    double (*function)(double) = NULL;
    if (!CHECK(functions[i] != NULL)) continue;
    memcpy(&function, &functions[i], sizeof function);
    CHECK_NEAR(function(27.0), 3.0, 1e-12);
  }
  CHECK(functions[0] != functions[1] && functions[1] != functions[2]);
  CHECK(!ee_port_library_find(&first, "no such function"));
  ee_port_library_close(&first);
  ee_port_library_close(&second);
  ee_port_library_close(&named);
  ee_port_library_close(&named); // harmless
}

// The compiler's own idea of the processor is the judge, where it has one.
static void knows_the_processor(void) {
  uint64_t data[8];
  memset(data, 0xFF, sizeof data);
  ee_port_cpu_data(data);
  for (int i = 1; i < 8; ++i)
    CHECK_EQ_INT(data[i], 0);
  // A CPU that is emulated: what its manual says.
  const char *expected = getenv("EERIE_TEST_CPU_WORD");
  if (expected) CHECK_EQ_INT(data[0], strtoull(expected, NULL, 16));
#if defined(__x86_64__)
  __builtin_cpu_init();
  CHECK_EQ_INT(data[0] >> 0 & 1, __builtin_cpu_supports("sse3") != 0);
  CHECK_EQ_INT(data[0] >> 1 & 1, __builtin_cpu_supports("ssse3") != 0);
  CHECK_EQ_INT(data[0] >> 2 & 1, __builtin_cpu_supports("sse4.1") != 0);
  CHECK_EQ_INT(data[0] >> 3 & 1, __builtin_cpu_supports("sse4.2") != 0);
  CHECK_EQ_INT(data[0] >> 4 & 1, __builtin_cpu_supports("sse4a") != 0);
  CHECK_EQ_INT(data[0] >> 10 & 1, __builtin_cpu_supports("avx") != 0);
  CHECK_EQ_INT(data[0] >> 11 & 1, __builtin_cpu_supports("fma") != 0);
  CHECK_EQ_INT(data[0] >> 12 & 1, __builtin_cpu_supports("fma4") != 0);
  CHECK_EQ_INT(data[0] >> 13 & 1, __builtin_cpu_supports("xop") != 0);
  CHECK_EQ_INT(data[0] >> 15 & 1, __builtin_cpu_supports("avx2") != 0);
  CHECK_EQ_INT(data[0] >> 20 & 1, __builtin_cpu_supports("avx512f") != 0);
  CHECK_EQ_INT(data[0] >> 21 & 1, __builtin_cpu_supports("avx512cd") != 0);
  CHECK_EQ_INT(data[0] >> 22 & 1, __builtin_cpu_supports("avx512vl") != 0);
  CHECK_EQ_INT(data[0] >> 23 & 1, __builtin_cpu_supports("avx512dq") != 0);
  CHECK_EQ_INT(data[0] >> 24 & 1, __builtin_cpu_supports("avx512bw") != 0);
  CHECK_EQ_INT(data[0] >> 25 & 1, __builtin_cpu_supports("avx512ifma") != 0);
  CHECK_EQ_INT(data[0] >> 26 & 1, __builtin_cpu_supports("avx512vbmi") != 0);
  CHECK_EQ_INT(data[0] >> 27 & 1, __builtin_cpu_supports("avx512vpopcntdq") != 0);
  CHECK_EQ_INT(data[0] >> 28 & 1, __builtin_cpu_supports("avx512vnni") != 0);
  CHECK_EQ_INT(data[0] >> 29 & 1, __builtin_cpu_supports("avx512vbmi2") != 0);
  CHECK_EQ_INT(data[0] >> 30 & 1, __builtin_cpu_supports("avx512bitalg") != 0);
#elif defined(__aarch64__)
  CHECK(data[0] & 1);
#endif
}

static void the_allocator_resizes(void) {
  const eerie_allocator_t allocator = ee_port_allocator();
  REQUIRE(allocator.reallocate);
  uint8_t *block = allocator.reallocate(allocator.user, NULL, 0, 10);
  REQUIRE(block);
  memset(block, 7, 10);
  block = allocator.reallocate(allocator.user, block, 10, 100000);
  REQUIRE(block);
  CHECK_EQ_INT(block[9], 7);
  CHECK(!allocator.reallocate(allocator.user, block, 100000, 0));
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(maps_whole_files),
      RUN(writes_through_a_mapping),
      RUN(evicts_what_was_not_written),
      RUN(names_what_it_cannot_map),
      RUN(replaced_files_are_whole),
      RUN(pages_become_code),
      RUN(the_clock_goes_forward),
      RUN(monitors_pass_the_turn),
      RUN(opens_shared_libraries),
      RUN(knows_the_processor),
      RUN(the_allocator_resizes),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
