// system.c: system.h by Windows.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiler/system.h"

static bool system_failed(void) {
  switch (GetLastError()) {
  case ERROR_FILE_NOT_FOUND:
  case ERROR_PATH_NOT_FOUND: errno = ENOENT; break;
  case ERROR_DISK_FULL:
  case ERROR_NOT_ENOUGH_MEMORY:
  case ERROR_COMMITMENT_LIMIT: errno = ENOSPC; break;
  default: errno = EACCES;
  }
  return false;
}

void *ee_system_open(const char *path, char *reason, size_t capacity) {
  // With the libraries that lie beside it, and no window that asks about one that is missing.
  DWORD before = 0;
  SetThreadErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX, &before);
  char full[MAX_PATH];
  const DWORD length = GetFullPathNameA(path, sizeof full, full, NULL);
  const HMODULE library = length && length < sizeof full
                              ? LoadLibraryExA(full, NULL, LOAD_WITH_ALTERED_SEARCH_PATH)
                              : NULL;
  const DWORD error = GetLastError();
  SetThreadErrorMode(before, NULL);
  if (library) return (void *)library;
  const DWORD size = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
                                    NULL, error, 0, reason, (DWORD)capacity, NULL);
  if (!size) snprintf(reason, capacity, "error %lu of Windows", error);
  reason[strcspn(reason, "\r\n")] = 0;
  return NULL;
}

void *ee_system_find(void *library, const char *symbol) {
  return (void *)(uintptr_t)GetProcAddress((HMODULE)library, symbol);
}

void ee_system_close(void *library) {
  FreeLibrary((HMODULE)library);
}

// ---- Files -------------------------------------------------------------------------------------

bool ee_system_identify(const char *path, ee_system_file_t *out_file) {
  const HANDLE file = CreateFileA(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                  NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  if (file == INVALID_HANDLE_VALUE) return false;
  BY_HANDLE_FILE_INFORMATION info;
  const bool good = GetFileInformationByHandle(file, &info);
  if (good)
    *out_file = (ee_system_file_t){info.dwVolumeSerialNumber,
                                   (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow};
  CloseHandle(file);
  return good;
}

int ee_system_memory_file(void) {
  char folder[MAX_PATH + 1], path[MAX_PATH + 1];
  if (!GetTempPathA(MAX_PATH, folder) || !GetTempFileNameA(folder, "ee", 0, path)) {
    system_failed();
    return -1;
  }
  return _open(path, _O_RDWR | _O_TRUNC | _O_TEMPORARY | O_CLOEXEC, _S_IREAD | _S_IWRITE);
}

void *ee_system_map(int fd, size_t size) {
  const HANDLE file = (HANDLE)_get_osfhandle(fd);
  const HANDLE mapping = CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, NULL);
  void *data = mapping ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, size) : NULL;
  if (!data) system_failed();
  if (mapping) CloseHandle(mapping); // the view holds it
  return data;
}

void ee_system_unmap(void *mapping, size_t size) {
  (void)size;
  UnmapViewOfFile(mapping);
}

bool ee_system_replace(const char *from, const char *to) {
  return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) || system_failed();
}

bool ee_system_resolve(const char *path, char *out_path, size_t capacity) {
  const DWORD length = GetFullPathNameA(path, (DWORD)capacity, out_path, NULL);
  return length > 0 && length < capacity;
}

// A file's rights are those of its folder.
bool ee_system_set_rights(int fd, unsigned rights) {
  (void)fd, (void)rights;
  return true;
}
