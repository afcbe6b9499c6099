// memory.c: the system's allocator, pages for code, and the text of errors.
#include <stdlib.h>

#include "port/huge.h"
#include "port/windows/system.h"

static void *system_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size == 0) {
    free(pointer);
    return NULL;
  }
  return realloc(pointer, new_size);
}

eerie_allocator_t ee_port_allocator(void) {
  return (eerie_allocator_t){.reallocate = system_reallocate};
}

size_t ee_port_page_size(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

eerie_status_t ee_port_code_allocate(size_t size, uint8_t **out_pages, eerie_error_t *err) {
  void *pages = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (!pages) {
    char reason[128];
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no %zu bytes of pages for code: %s", size,
                   ee_windows_reason(GetLastError(), reason, sizeof reason));
  }
  *out_pages = pages;
  return EERIE_OK;
}

eerie_status_t ee_port_code_protect(uint8_t *pages, size_t size, ee_port_protection_t protection,
                                    eerie_error_t *err) {
  static const DWORD modes[] = {
      [EE_PORT_READ] = PAGE_READONLY,
      [EE_PORT_READ_WRITE] = PAGE_READWRITE,
      [EE_PORT_READ_EXECUTE] = PAGE_EXECUTE_READ,
  };
  DWORD before;
  if (!VirtualProtect(pages, size, modes[protection], &before)) {
    char reason[128];
    return EE_FAIL(err, EERIE_PERMISSION_DENIED,
                   "the system refuses to protect %zu bytes of pages for code: %s", size,
                   ee_windows_reason(GetLastError(), reason, sizeof reason));
  }
  if (protection == EE_PORT_READ_EXECUTE) {
    (void)FlushInstructionCache(GetCurrentProcess(), pages, size);
  }
  return EERIE_OK;
}

void ee_port_code_free(uint8_t *pages, size_t size) {
  (void)size;
  (void)VirtualFree(pages, 0, MEM_RELEASE);
}

// ---- For the other files -----------------------------------------------------------------------

const char *ee_windows_reason(DWORD error, char *buffer, size_t capacity) {
  const DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
  DWORD size = FormatMessageA(flags, NULL, error, 0, buffer, (DWORD)capacity, NULL);
  while (size && (unsigned char)buffer[size - 1] <= ' ') {
    --size;
  }
  if (size) {
    buffer[size] = 0;
  } else {
    ee_format(buffer, capacity, "error %u of Windows", (unsigned)error);
  }
  return buffer;
}

const wchar_t *ee_windows_path(const char *path, wchar_t buffer[EE_WINDOWS_PATH]) {
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, buffer, EE_WINDOWS_PATH) > 0)
    return buffer;
  return MultiByteToWideChar(CP_ACP, 0, path, -1, buffer, EE_WINDOWS_PATH) > 0 ? buffer : NULL;
}

// ---- Huge pages --------------------------------------------------------------------------------

// Large pages want a privilege that accounts do not have, and are not given by themselves.
void ee_port_advise_huge(void *pointer, size_t size) {
  (void)pointer;
  (void)size;
}

eerie_allocator_t ee_port_allocator_small(void) {
  return ee_port_allocator();
}

eerie_allocator_t ee_port_allocator_reserved(void) {
  return ee_port_allocator();
}
