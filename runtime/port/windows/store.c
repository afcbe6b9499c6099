// store.c: files that a library keeps for itself, in the user's folder of caches.
#include "port/windows/system.h"

bool ee_port_cache_folder(char *out_path, size_t capacity) {
  static const wchar_t name[] = L"LOCALAPPDATA";
  static const char own[] = "/eerie/cache";
  wchar_t base[EE_WINDOWS_PATH];
  const DWORD length = GetEnvironmentVariableW(name, base, EE_WINDOWS_PATH);
  if (length == 0 || length >= EE_WINDOWS_PATH || capacity <= sizeof own) return false;
  const int size =
      WideCharToMultiByte(CP_UTF8, 0, base, -1, out_path, (int)(capacity - sizeof own), NULL, NULL);
  if (size <= 0) return false;
  memcpy(out_path + size - 1, own, sizeof own);
  return true;
}

static eerie_status_t failed(const char *path, DWORD error, eerie_error_t *err) {
  char reason[128];
  (void)path; // unused in builds without texts
  return EE_FAIL(err, EERIE_UNAVAILABLE, "cannot write %s: %s", path,
                 ee_windows_reason(error, reason, sizeof reason));
}

// Makes all folders above a file; those that are there answer with an error that does not matter.
static void make_folders(wchar_t *path) {
  for (wchar_t *at = path; *at; ++at) {
    if ((*at != L'/' && *at != L'\\') || at == path) continue;
    const wchar_t separator = *at;
    *at = 0;
    (void)CreateDirectoryW(path, NULL);
    *at = separator;
  }
}

eerie_status_t ee_port_file_replace(const char *path, ee_bytes_t bytes, eerie_error_t *err) {
  char name[EE_WINDOWS_PATH];
  wchar_t target[EE_WINDOWS_PATH], temporary[EE_WINDOWS_PATH];
  const size_t length = ee_format(name, sizeof name, "%s.new", path);
  if (length >= sizeof name || !ee_windows_path(path, target) || !ee_windows_path(name, temporary))
    return failed(path, ERROR_INVALID_NAME, err);
  make_folders(target);
  // Nobody else opens it while it is written, and what a killed process left is overwritten.
  if (ee_windows_write_file(temporary, false, bytes) &&
      MoveFileExW(temporary, target, MOVEFILE_REPLACE_EXISTING))
    return EERIE_OK;
  const DWORD error = GetLastError();
  (void)DeleteFileW(temporary);
  return failed(path, error, err);
}
