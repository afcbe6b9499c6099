// file.c: whole files, mapped or written.
//
// The file of a mapping can be neither deleted nor replaced while the mapping is there.
#include "port/windows/system.h"

static eerie_status_t status_of(DWORD error) {
  switch (error) {
  case ERROR_FILE_NOT_FOUND:
  case ERROR_PATH_NOT_FOUND:
  case ERROR_INVALID_NAME:
  case ERROR_BAD_NETPATH:
  case ERROR_INVALID_DRIVE: return EERIE_NOT_FOUND;
  case ERROR_ACCESS_DENIED:
  case ERROR_SHARING_VIOLATION:
  case ERROR_WRITE_PROTECT: return EERIE_PERMISSION_DENIED;
  case ERROR_NOT_ENOUGH_MEMORY:
  case ERROR_OUTOFMEMORY:
  case ERROR_COMMITMENT_LIMIT:
  case ERROR_TOO_MANY_OPEN_FILES: return EERIE_RESOURCE_EXHAUSTED;
  default: return EERIE_UNAVAILABLE;
  }
}

static eerie_status_t failed(const char *path, DWORD error, eerie_error_t *err) {
  char reason[128];
  (void)path; // unused in builds without texts
  return EE_FAIL(err, status_of(error), "%s: %s", path,
                 ee_windows_reason(error, reason, sizeof reason));
}

static eerie_status_t no_file(const char *path, eerie_error_t *err) {
  (void)path; // unused in builds without texts
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "%s: a directory or device", path);
}

static eerie_status_t map_open_file(const char *path, HANDLE file, bool shared,
                                    ee_bytes_t *out_bytes, eerie_error_t *err) {
  LARGE_INTEGER size;
  if (GetFileType(file) != FILE_TYPE_DISK) return no_file(path, err);
  if (!GetFileSizeEx(file, &size)) return failed(path, GetLastError(), err);
  *out_bytes = (ee_bytes_t){NULL, 0};
  if (size.QuadPart == 0) return EERIE_OK;
  if ((uint64_t)size.QuadPart > SIZE_MAX) return failed(path, ERROR_NOT_ENOUGH_MEMORY, err);
  const HANDLE mapping =
      CreateFileMappingW(file, NULL, shared ? PAGE_READWRITE : PAGE_WRITECOPY, 0, 0, NULL);
  if (!mapping) return failed(path, GetLastError(), err);
  const void *data = MapViewOfFile(mapping, shared ? FILE_MAP_WRITE : FILE_MAP_COPY, 0, 0, 0);
  const DWORD error = GetLastError();
  (void)CloseHandle(mapping); // the view holds it
  if (!data) return failed(path, error, err);
  *out_bytes = (ee_bytes_t){data, (size_t)size.QuadPart};
  return EERIE_OK;
}

static eerie_status_t map_file(const char *path, bool shared, ee_bytes_t *out_bytes,
                               eerie_error_t *err) {
  wchar_t buffer[EE_WINDOWS_PATH];
  const wchar_t *wide = ee_windows_path(path, buffer);
  if (!wide) return failed(path, ERROR_INVALID_NAME, err);
  const HANDLE file = CreateFileW(wide, GENERIC_READ | (shared ? GENERIC_WRITE : 0),
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE) {
    const DWORD error = GetLastError(), attributes = GetFileAttributesW(wide);
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY))
      return no_file(path, err);
    return failed(path, error, err);
  }
  const eerie_status_t status = map_open_file(path, file, shared, out_bytes, err);
  (void)CloseHandle(file);
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
  if (bytes.size) (void)UnmapViewOfFile(bytes.data);
}

// Unlocking pages that nobody locked takes them out of the process's memory, whether written or
// not; what they hold stays. Source: Microsoft's page on VirtualUnlock, remarks.
void ee_port_file_evict(ee_bytes_t bytes) {
  if (bytes.size) (void)VirtualUnlock((void *)(uintptr_t)bytes.data, bytes.size);
}

void ee_port_file_evict_unwritten(ee_bytes_t bytes) {
  ee_port_file_evict(bytes);
}

bool ee_windows_write_file(const wchar_t *path, bool is_temporary, ee_bytes_t bytes) {
  const HANDLE file =
      CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                  is_temporary ? FILE_ATTRIBUTE_TEMPORARY : FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE) return false;
  bool good = true;
  while (good && bytes.size) {
    const DWORD part = bytes.size < (1u << 30) ? (DWORD)bytes.size : 1u << 30;
    DWORD written = 0;
    good = WriteFile(file, bytes.data, part, &written, NULL) && written > 0;
    bytes = (ee_bytes_t){bytes.data + written, bytes.size - written};
  }
  good = good && (is_temporary || FlushFileBuffers(file));
  return CloseHandle(file) && good;
}
