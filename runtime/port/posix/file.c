// file.c: whole files mapped.
#define _DEFAULT_SOURCE // madvise
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/port.h"

static eerie_status_t status_of(int system_error) {
  switch (system_error) {
  case ENOENT:
  case ENOTDIR: return EERIE_NOT_FOUND;
  case EACCES:
  case EPERM: return EERIE_PERMISSION_DENIED;
  case ENOMEM:
  case EMFILE:
  case ENFILE: return EERIE_RESOURCE_EXHAUSTED;
  default: return EERIE_UNAVAILABLE;
  }
}

static eerie_status_t failed(const char *path, int system_error, eerie_error_t *err) {
  (void)path; // unused in builds without texts
  return EE_FAIL(err, status_of(system_error), "%s: %s", path, strerror(system_error));
}

static eerie_status_t map_open_file(const char *path, int file, bool shared, ee_bytes_t *out_bytes,
                                    eerie_error_t *err) {
  struct stat info;
  if (fstat(file, &info) != 0) return failed(path, errno, err);
  if (!S_ISREG(info.st_mode)) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "%s: a directory or device", path);
  }
  *out_bytes = (ee_bytes_t){NULL, 0};
  if (info.st_size == 0) return EERIE_OK;
  if ((uint64_t)info.st_size > SIZE_MAX) return failed(path, EFBIG, err);
  void *data = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE,
                    shared ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE, file, 0);
  if (data == MAP_FAILED) return failed(path, errno, err);
  *out_bytes = (ee_bytes_t){data, (size_t)info.st_size};
  return EERIE_OK;
}

static eerie_status_t map_file(const char *path, bool shared, ee_bytes_t *out_bytes,
                               eerie_error_t *err) {
  // Not blocking: opening a pipe that nobody writes to must not hang.
  const int file = open(path, (shared ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return failed(path, errno, err);
  const eerie_status_t status = map_open_file(path, file, shared, out_bytes, err);
  (void)close(file); // the mapping holds the file
  return status;
}

eerie_status_t ee_port_file_map(const char *path, ee_bytes_t *out_bytes, eerie_error_t *err) {
  return map_file(path, false, out_bytes, err);
}

eerie_status_t ee_port_file_map_shared(const char *path, ee_bytes_t *out_bytes,
                                       eerie_error_t *err) {
  return map_file(path, true, out_bytes, err);
}

void ee_port_file_unmap(ee_bytes_t bytes) {
  if (bytes.size) (void)munmap((void *)(uintptr_t)bytes.data, bytes.size);
}

void ee_port_file_evict(ee_bytes_t bytes) {
  // Only whole pages: what else lies in those at the ends may have been written, by kernels that
  // overwrite constants, and would be the file's again.
  const uintptr_t mask = (uintptr_t)ee_port_page_size() - 1;
  const uintptr_t start = ((uintptr_t)bytes.data + mask) & ~mask;
  const uintptr_t end = ((uintptr_t)bytes.data + bytes.size) & ~mask;
  if (start < end) (void)madvise((void *)start, end - start, MADV_DONTNEED);
}

// Linux tells of each page of a process whether it is in memory and whether it is a file's, which
// one that was written is no more. Source: Documentation/admin-guide/mm/pagemap.rst,
// /proc/pid/pagemap.
enum { PAGEMAP_ENTRIES = 512 };
#define PAGE_PRESENT (UINT64_C(1) << 63)
#define PAGE_OF_FILE (UINT64_C(1) << 61)

static bool is_unwritten(uint64_t entry) {
  return (entry & (PAGE_PRESENT | PAGE_OF_FILE)) == (PAGE_PRESENT | PAGE_OF_FILE);
}

// An emulator of another CPU may show the table of its own process, whose addresses mean something
// else: of fresh pages the one that was written must be there, and no other.
static bool pagemap_is_ours(int pagemap, size_t page) {
  enum { PAGES = 5, WRITTEN = 2 };
  uint64_t entries[PAGES] = {0};
  uint8_t *pages =
      mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return false;
  pages[WRITTEN * page] = 1;
  const off_t place = (off_t)((uintptr_t)pages / page * sizeof *entries);
  bool same = pread(pagemap, entries, sizeof entries, place) == sizeof entries;
  for (size_t i = 0; i < PAGES; ++i)
    same = same && !(entries[i] & PAGE_PRESENT) == (i != WRITTEN);
  (void)munmap(pages, PAGES * page);
  return same;
}

// Evicts what is unwritten of `count` pages, at most PAGEMAP_ENTRIES.
static bool evict_some(int pagemap, uintptr_t start, size_t count, size_t page) {
  uint64_t entries[PAGEMAP_ENTRIES];
  const ssize_t size = (ssize_t)(count * sizeof *entries);
  if (pread(pagemap, entries, (size_t)size, (off_t)(start / page * sizeof *entries)) != size)
    return false;
  for (size_t i = 0, end; i < count; i = end + 1) {
    for (end = i; end < count && is_unwritten(entries[end]);)
      ++end;
    if (end != i) (void)madvise((void *)(start + i * page), (end - i) * page, MADV_DONTNEED);
  }
  return true;
}

void ee_port_file_evict_unwritten(ee_bytes_t bytes) {
  const size_t page = ee_port_page_size();
  uintptr_t start = ((uintptr_t)bytes.data + page - 1) & ~(uintptr_t)(page - 1);
  const uintptr_t end = ((uintptr_t)bytes.data + bytes.size) & ~(uintptr_t)(page - 1);
  if (start >= end) return;
  const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0) return;
  for (bool known = pagemap_is_ours(pagemap, page); known && start < end;) {
    const size_t left = (end - start) / page;
    const size_t count = left < PAGEMAP_ENTRIES ? left : PAGEMAP_ENTRIES;
    known = evict_some(pagemap, start, count, page);
    start += count * page;
  }
  (void)close(pagemap);
}
