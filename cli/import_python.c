// import_python.c: finds the Pythons that may have the package eerie.
#define _GNU_SOURCE

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import.h"

bool ee_cli_import_program(const char *folder, size_t folder_size, const char *name,
                           char out[IMPORT_PATH]) {
  const int length = snprintf(out, IMPORT_PATH, "%.*s/%s", (int)folder_size, folder, name);
  return length > 0 && length < IMPORT_PATH && access(out, X_OK) == 0;
}

bool ee_cli_import_on_path(const char *name, char out[IMPORT_PATH]) {
  const char *path = getenv("PATH");
  for (const char *at = path ? path : ""; *at;) {
    const size_t size = strcspn(at, ":");
    if (size && size < IMPORT_PATH && ee_cli_import_program(at, size, name, out)) return true;
    at += size + (at[size] == ':');
  }
  return false;
}

size_t ee_cli_import_prefix_size(const char *library) {
  enum { LEVELS = 7 }; // file, _mlir_libs, compiler, iree, site-packages, python3.N, lib
  size_t size = strlen(library);
  for (int i = 0; i < LEVELS && size; ++i)
    while (size && library[--size] != '/') {
    }
  return size;
}

static void import_add_python(ee_cli_import_places_t *places, const char *folder,
                              size_t folder_size) {
  char *python = places->pythons[places->count];
  if (!folder_size || !ee_cli_import_program(folder, folder_size, "python3", python)) return;
  for (size_t i = 0; i < places->count; ++i)
    if (strcmp(places->pythons[i], python) == 0) return;
  ++places->count;
}

int ee_cli_import_find_places(const char *compiler, ee_cli_import_places_t *places) {
  const char *told = getenv("EERIE_PYTHON");
  eerie_error_t err = {0};
  // The import itself may do without the compiler.
  if (eerie_compiler_find(compiler, places->library, sizeof places->library, &err))
    places->library[0] = 0;
  const ssize_t size = readlink("/proc/self/exe", places->self, sizeof places->self - 1);
  places->self[size < 0 ? 0 : size] = 0;
  char *slash = strrchr(places->self, '/');
  if (slash) *slash = 0;
  if (told && *told) {
    places->told = true;
    if (snprintf(places->pythons[0], IMPORT_PATH, "%s", told) >= IMPORT_PATH ||
        access(told, X_OK) != 0)
      return ee_cli_fail(EE_CLI_MISSING, "EERIE_PYTHON: cannot run %s: %s", told, strerror(errno));
    places->count = 1;
    return EE_CLI_OK;
  }
  char bin[IMPORT_PATH + 4];
  snprintf(bin, sizeof bin, "%.*s/bin", (int)ee_cli_import_prefix_size(places->library),
           places->library);
  if (places->library[0]) import_add_python(places, bin, strlen(bin));
  import_add_python(places, places->self, strlen(places->self));
  import_add_python(places, ".venv/bin", sizeof ".venv/bin" - 1);
  if (places->count < IMPORT_PYTHONS &&
      ee_cli_import_on_path("python3", places->pythons[places->count])) {
    slash = strrchr(places->pythons[places->count], '/');
    char folder[IMPORT_PATH];
    const size_t length = (size_t)(slash - places->pythons[places->count]);
    memcpy(folder, places->pythons[places->count], length);
    import_add_python(places, folder, length);
  }
  return EE_CLI_OK;
}
