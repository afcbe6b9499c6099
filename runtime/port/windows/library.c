// library.c: shared libraries, from a file or from memory.
//
// The system loads libraries from files only, so one in memory becomes a temporary file, which is
// deleted when the library is closed: it cannot be before.
#include "port/windows/system.h"

enum { NO_FILE = -1, TEMPORARY_FILE = 1 };

const char *ee_port_library_kind(void) {
  return "dll";
}

static eerie_status_t open_path(const wchar_t *path, eerie_status_t code, const char *name,
                                ee_port_library_t *out_library, eerie_error_t *err) {
  *out_library = (ee_port_library_t){.file = NO_FILE};
  // No window that asks the user what to do about a file that is none.
  DWORD before = 0;
  (void)SetThreadErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX, &before);
  out_library->handle = path ? (void *)LoadLibraryW(path) : NULL;
  const DWORD error = path ? GetLastError() : ERROR_INVALID_NAME;
  (void)SetThreadErrorMode(before, NULL);
  if (out_library->handle) return EERIE_OK;
  char reason[128];
  (void)name; // unused in builds without texts
  return EE_FAIL(err, code, "cannot open the shared library %s: %s", name,
                 ee_windows_reason(error, reason, sizeof reason));
}

eerie_status_t ee_port_library_open(const char *path, ee_port_library_t *out_library,
                                    eerie_error_t *err) {
  wchar_t buffer[EE_WINDOWS_PATH];
  return open_path(ee_windows_path(path, buffer), EERIE_NOT_FOUND, path, out_library, err);
}

// ---- From memory -------------------------------------------------------------------------------

eerie_status_t ee_port_library_load(ee_bytes_t image, ee_port_library_t *out_library,
                                    eerie_error_t *err) {
  wchar_t folder[MAX_PATH + 1], path[MAX_PATH + 1];
  char reason[128];
  *out_library = (ee_port_library_t){.file = NO_FILE};
  if (!GetTempPathW(MAX_PATH, folder) || !GetTempFileNameW(folder, L"ee", 0, path)) {
    return EE_FAIL(err, EERIE_UNAVAILABLE, "no temporary file for a shared library: %s",
                   ee_windows_reason(GetLastError(), reason, sizeof reason));
  }
  eerie_status_t status;
  if (ee_windows_write_file(path, true, image)) {
    status = open_path(path, EERIE_DATA_LOSS, "in memory", out_library, err);
  } else {
    status = EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "a temporary file of %zu bytes: %s", image.size,
                     ee_windows_reason(GetLastError(), reason, sizeof reason));
  }
  if (status == EERIE_OK) {
    out_library->file = TEMPORARY_FILE;
  } else {
    (void)DeleteFileW(path);
  }
  return status;
}

void *ee_port_library_find(const ee_port_library_t *library, const char *symbol) {
  return (void *)(uintptr_t)GetProcAddress((HMODULE)library->handle, symbol);
}

void ee_port_library_close(ee_port_library_t *library) {
  wchar_t path[MAX_PATH + 1];
  const bool temporary =
      library->handle && library->file == TEMPORARY_FILE &&
      GetModuleFileNameW((HMODULE)library->handle, path, MAX_PATH + 1) <= MAX_PATH;
  if (library->handle) (void)FreeLibrary((HMODULE)library->handle);
  if (temporary) (void)DeleteFileW(path);
  *library = (ee_port_library_t){.file = NO_FILE};
}
