// system.h: what the files of the Windows port share: the system's header, its reasons as text,
// paths, and files that are written whole.
#ifndef EE_PORT_WINDOWS_SYSTEM_H_
#define EE_PORT_WINDOWS_SYSTEM_H_

#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT) || _WIN32_WINNT < 0x0602
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0602 // Windows 8: WaitOnAddress
#endif
#include <windows.h>

#include "port/port.h"

// The system's text for an error, one line, into `buffer`.
const char *ee_windows_reason(DWORD error, char *buffer, size_t capacity);

// A path as the system takes it: UTF-8, or else of the system's code page. NULL: too long.
enum { EE_WINDOWS_PATH = 4096 };
const wchar_t *ee_windows_path(const char *path, wchar_t buffer[EE_WINDOWS_PATH]);

// Writes a whole file in the place of what is there; nobody else opens it meanwhile. One that is
// not temporary goes out to the disk. What fails is in GetLastError.
bool ee_windows_write_file(const wchar_t *path, bool is_temporary, ee_bytes_t bytes);

#endif // EE_PORT_WINDOWS_SYSTEM_H_
