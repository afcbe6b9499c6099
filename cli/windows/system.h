// system.h: what the command takes from POSIX and Windows does not have; put before each of its
// files by the build for Windows.
#ifndef EERIE_CLI_WINDOWS_SYSTEM_H_
#define EERIE_CLI_WINDOWS_SYSTEM_H_

#define __USE_MINGW_ACCESS // access() knows X_OK
#include <direct.h>
#include <fcntl.h>
#include <io.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

// Files are bytes: no line ends are rewritten.
#define O_CLOEXEC  _O_BINARY
#define O_NONBLOCK 0

// Whatever has pages of 64 KB can be had at any alignment only with a free of its own.
#define aligned_alloc(alignment, size) _aligned_malloc((size), (alignment))
#define aligned_free(pointer)          _aligned_free(pointer)

#define mkdir(path, mode)  ((void)(mode), _mkdir(path))
#define fchmod(file, mode) ((void)(file), (void)(mode), 0)
#define rename(from, to)   ee_cli_windows_rename((from), (to))

char *strndup(const char *text, size_t size);
void *memmem(const void *data, size_t size, const void *part, size_t part_size);

// A name that is there is taken over.
int ee_cli_windows_rename(const char *from, const char *to);

#endif // EERIE_CLI_WINDOWS_SYSTEM_H_
