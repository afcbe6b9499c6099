// windows_port_test.c: runtime/port/windows, function by function; windows.py builds and runs it.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "port/huge.h"
#include "port/port.h"
#include "unit/check.h"

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  if (!CHECK(file != NULL)) return;
  fputs(text, file);
  fclose(file);
}

static void maps_files(void) {
  ee_bytes_t bytes = {NULL, 0};
  eerie_error_t err = {.code = EERIE_OK};
  write_file("map.txt", "four");
  CHECK_STATUS(ee_port_file_map("map.txt", &bytes, &err), EERIE_OK);
  CHECK_EQ_INT(bytes.size, 4);
  ((char *)(uintptr_t)bytes.data)[0] = 'p'; // this mapping's alone
  ee_port_file_evict_unwritten(bytes);
  CHECK_EQ_INT(bytes.data[0], 'p');
  ee_port_file_unmap(bytes);
  CHECK_STATUS(ee_port_file_map_shared("map.txt", &bytes, &err), EERIE_OK);
  CHECK_EQ_INT(bytes.data[0], 'f');
  ((char *)(uintptr_t)bytes.data)[0] = 's';
  ee_port_file_evict(bytes);
  ee_port_file_unmap(bytes);
  CHECK_STATUS(ee_port_file_map("map.txt", &bytes, &err), EERIE_OK);
  CHECK_EQ_INT(bytes.data[0], 's');
  ee_port_file_unmap(bytes);
  write_file("empty.txt", "");
  CHECK_STATUS(ee_port_file_map("empty.txt", &bytes, &err), EERIE_OK);
  CHECK_EQ_INT(bytes.size, 0);
  CHECK_STATUS(ee_port_file_map("nowhere/map.txt", &bytes, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "nowhere/map.txt: ");
  CHECK_STATUS(ee_port_file_map(".", &bytes, &err), EERIE_INVALID_ARGUMENT);
}

static void keeps_files(void) {
  char path[512];
  ee_bytes_t bytes = {NULL, 0};
  CHECK(ee_port_cache_folder(path, sizeof path));
  CHECK(!ee_port_cache_folder(path, 4));
  for (int i = 0; i < 2; ++i) // the second replaces the first
    CHECK_STATUS(
        ee_port_file_replace("kept/in/file", (ee_bytes_t){(const uint8_t *)"ab" + i, 1}, NULL),
        EERIE_OK);
  CHECK_STATUS(ee_port_file_map("kept/in/file", &bytes, NULL), EERIE_OK);
  CHECK(bytes.size == 1 && bytes.data[0] == 'b');
  ee_port_file_unmap(bytes);
}

static void opens_libraries(void) {
  ee_port_library_t library;
  eerie_error_t err = {.code = EERIE_OK};
  CHECK_STATUS(ee_port_library_open("kernel32.dll", &library, &err), EERIE_OK);
  CHECK(ee_port_library_find(&library, "Sleep") != NULL);
  CHECK(ee_port_library_find(&library, "sleeps_well") == NULL);
  ee_port_library_close(&library);
  CHECK_STATUS(ee_port_library_open("nothing.dll", &library, &err), EERIE_NOT_FOUND);
  ee_port_library_close(&library);
  const ee_bytes_t text = {(const uint8_t *)"no library", 10};
  CHECK_STATUS(ee_port_library_load(text, &library, &err), EERIE_DATA_LOSS);
}

typedef struct shared {
  ee_port_monitor_t monitor;
  _Atomic uint32_t word;
  int told;
} shared_t;

static void thread_main(void *argument) {
  shared_t *shared = argument;
  ee_port_monitor_lock(&shared->monitor);
  shared->told = (int)ee_port_thread_number();
  ee_port_monitor_notify_all(&shared->monitor);
  ee_port_monitor_unlock(&shared->monitor);
  while (atomic_load(&shared->word) == 0)
    ee_port_word_wait(&shared->word, 0);
}

static void threads_meet(void) {
  shared_t shared = {.told = 0};
  ee_port_thread_t threads[3];
  ee_port_monitor_initialize(&shared.monitor);
  for (int i = 0; i < 3; ++i)
    CHECK_STATUS(ee_port_thread_start(thread_main, &shared, "meets", &threads[i], NULL), EERIE_OK);
  CHECK(!ee_port_thread_is_self(&threads[0]));
  ee_port_monitor_lock(&shared.monitor);
  while (!shared.told)
    CHECK(ee_port_monitor_wait(&shared.monitor, INT64_MAX));
  const int64_t start = ee_port_time_ns();
  while (ee_port_monitor_wait(&shared.monitor, start + 20000000)) // others may tell meanwhile
    continue;
  CHECK(ee_port_time_ns() >= start + 20000000);
  CHECK(!ee_port_monitor_wait(&shared.monitor, start));
  ee_port_monitor_unlock(&shared.monitor);
  atomic_store(&shared.word, 1);
  ee_port_word_wake(&shared.word, UINT32_MAX);
  for (int i = 0; i < 3; ++i)
    ee_port_thread_join(&threads[i]);
  ee_port_monitor_destroy(&shared.monitor);
}

static void knows_its_cpus(void) {
  ee_port_cpu_t cpus[64];
  const size_t count = ee_port_cpus("", cpus, 64);
  CHECK(count >= 1 && count <= 64);
  for (size_t i = 0; i < count; ++i)
    CHECK(cpus[i].core <= cpus[i].id && cpus[i].capacity <= 1024 && cpus[i].capacity > 0);
  CHECK(ee_port_thread_pin(cpus[0].id));
  CHECK(!ee_port_thread_pin(64));
  CHECK_EQ_INT(ee_port_cpu_quota(""), 0);
  uint64_t words[8];
  ee_port_cpu_data(words);
  CHECK(words[0] & 1); // SSE3, which all of 64 bits have but the first
}

static void pages_become_code(void) {
  static const uint8_t answer[] = {0xB8, 42, 0, 0, 0, 0xC3}; // mov eax, 42; ret
  const size_t page = ee_port_page_size();
  uint8_t *pages = NULL;
  CHECK_STATUS(ee_port_code_allocate(2 * page, &pages, NULL), EERIE_OK);
  memcpy(pages, answer, sizeof answer);
  CHECK_STATUS(ee_port_code_protect(pages, page, EE_PORT_READ_EXECUTE, NULL), EERIE_OK);
  CHECK_STATUS(ee_port_code_protect(pages + page, page, EE_PORT_READ, NULL), EERIE_OK);
  CHECK_EQ_INT(((int (*)(void))(uintptr_t)pages)(), 42);
  ee_port_code_free(pages, 2 * page);
  CHECK_STATUS(ee_port_code_allocate(SIZE_MAX / page * page, &pages, NULL),
               EERIE_RESOURCE_EXHAUSTED);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(maps_files),   RUN(keeps_files),    RUN(opens_libraries),
      RUN(threads_meet), RUN(knows_its_cpus), RUN(pages_become_code),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
