// system.h: what the compiler binding asks of an operating system beyond the functions of POSIX
// that all have by now. system.c answers by POSIX, windows/system.c by Windows.
#ifndef EERIE_COMPILER_SYSTEM_H_
#define EERIE_COMPILER_SYSTEM_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Descriptors are this process's alone, and files are bytes.
#if defined(_WIN32)
#define O_CLOEXEC (O_BINARY | O_NOINHERIT)
#endif

// ---- Shared libraries --------------------------------------------------------------------------

// NULL: `reason` says why.
void *ee_system_open(const char *path, char *reason, size_t capacity);
void *ee_system_find(void *library, const char *symbol);
void ee_system_close(void *library);

// ---- Files -------------------------------------------------------------------------------------

// What two paths of one file have in common.
typedef struct ee_system_file {
  uint64_t device, number;
} ee_system_file_t;
bool ee_system_identify(const char *path, ee_system_file_t *out_file);

// A file without a name, which goes when it is closed; -1 and errno where there is none.
int ee_system_memory_file(void);
// The first `size` bytes of a file for reading; NULL and errno.
void *ee_system_map(int fd, size_t size);
void ee_system_unmap(void *mapping, size_t size);

// Gives `to`'s name to `from`, whether or not there is a file of that name; false and errno.
bool ee_system_replace(const char *from, const char *to);
// The path of a file that is there, behind links.
bool ee_system_resolve(const char *path, char *out_path, size_t capacity);
bool ee_system_set_rights(int fd, unsigned rights);

#endif // EERIE_COMPILER_SYSTEM_H_
