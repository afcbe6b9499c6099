// resident.c: Linux tells what is in memory in /proc/self/statm: pages of size, resident, of files
// and shared memory, and more (Documentation/filesystems/proc.rst).
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/port.h"
#include "port/resident.h"

uint64_t ee_port_file_resident(void) {
  char text[128];
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t size = read(file, text, sizeof text - 1);
  (void)close(file);
  if (size <= 0) return 0;
  text[size] = 0;
  char *at = text;
  (void)strtoull(at, &at, 10);
  (void)strtoull(at, &at, 10);
  return strtoull(at, NULL, 10) * ee_port_page_size();
}
