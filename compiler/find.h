// find.h: what the files that look for libIREECompiler share.
//
//   find.c           named places, folders, .venv above; what was searched
//   find_python.c    how Python lies on systems of POSIX
//   windows/find.c   and on Windows
#ifndef EERIE_COMPILER_FIND_H_
#define EERIE_COMPILER_FIND_H_

#include "internal.h"

#if defined(_WIN32)
#define FIND_LIBRARY_NAME "IREECompiler.dll"
#elif defined(__APPLE__)
#define FIND_LIBRARY_NAME "libIREECompiler.dylib"
#else
#define FIND_LIBRARY_NAME "libIREECompiler.so"
#endif
#define FIND_IN_PACKAGES "iree/compiler/_mlir_libs/" FIND_LIBRARY_NAME

enum { FIND_PATH = 4096 };

// One search: the answer, and somebody who wants to hear of each place.
typedef struct ee_find {
  char path[FIND_PATH];
  eerie_compiler_text_fn on_place;
  void *user;
} ee_find_t;

void ee_find_report(ee_find_t *search, const char *format, ...) EE_COMPILER_PRINTF(2, 3);
// True when `folder`/`name` is a file; it is then the answer.
bool ee_find_file(ee_find_t *search, const char *folder, const char *name);
// Looks into an environment, and says so.
bool ee_find_report_prefix(ee_find_t *search, const char *prefix);
// Looks for .venv in `folder` and every parent of it, whose names a slash divides.
bool ee_find_venv_above(ee_find_t *search, const char *what, const char *folder);
// Looks into the environment that a variable names.
bool ee_find_in_variable(ee_find_t *search, const char *name);

// ---- By system ---------------------------------------------------------------------------------

// Looks where packages of an environment are.
bool ee_find_in_prefix(ee_find_t *search, const char *prefix);
bool ee_find_everywhere(ee_find_t *search);

#endif // EERIE_COMPILER_FIND_H_
