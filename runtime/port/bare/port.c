// port.c: a system that is not there: no files, no threads, no code at run time.
//
// Whoever embeds Eerie brings memory (eerie_allocator_t) and, when waits should time out or logs
// carry times, a clock in place of ee_port_time_ns.
#include "port/no_threads.h"

eerie_allocator_t ee_port_allocator(void) {
  return (eerie_allocator_t){NULL, NULL};
}

int64_t ee_port_time_ns(void) {
  return 0;
}

eerie_status_t ee_port_file_map(const char *path, ee_bytes_t *out_bytes, eerie_error_t *err) {
  (void)path, (void)out_bytes;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED, "this build has no files");
}

eerie_status_t ee_port_file_map_shared(const char *path, ee_bytes_t *out_bytes,
                                       eerie_error_t *err) {
  return ee_port_file_map(path, out_bytes, err);
}

void ee_port_file_unmap(ee_bytes_t bytes) {
  (void)bytes;
}

void ee_port_file_evict_unwritten(ee_bytes_t bytes) {
  (void)bytes;
}

void ee_port_file_evict(ee_bytes_t bytes) {
  (void)bytes;
}

size_t ee_port_page_size(void) {
  return 4096;
}

eerie_status_t ee_port_code_allocate(size_t size, uint8_t **out_pages, eerie_error_t *err) {
  (void)size, (void)out_pages;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED, "this build loads no code");
}

eerie_status_t ee_port_code_protect(uint8_t *pages, size_t size, ee_port_protection_t protection,
                                    eerie_error_t *err) {
  (void)pages, (void)size, (void)protection;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED, "this build loads no code");
}

void ee_port_code_free(uint8_t *pages, size_t size) {
  (void)pages, (void)size;
}

void ee_port_cpu_data(uint64_t out_data[8]) {
  memset(out_data, 0, 8 * sizeof *out_data);
}

uint64_t ee_port_float_flush(void) {
  return 0;
}

void ee_port_float_restore(uint64_t mode) {
  (void)mode;
}
