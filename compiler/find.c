// find.c: where libIREECompiler is on this machine: what is the same on all systems.
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "find.h"

#define FIND_INSTALL                                                                               \
  "install it with `python3 -m pip install iree-base-compiler==3.13.0` (in Eerie's source tree: "  \
  "`make setup`)"

void ee_find_report(ee_find_t *search, const char *format, ...) {
  if (!search->on_place) return;
  char text[FIND_PATH + 128];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  search->on_place(search->user, text);
}

bool ee_find_file(ee_find_t *search, const char *folder, const char *name) {
  char path[FIND_PATH];
  const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  struct stat info;
  if (length < 0 || (size_t)length >= sizeof path || stat(path, &info) != 0 ||
      !S_ISREG(info.st_mode))
    return false;
  memcpy(search->path, path, sizeof path);
  return true;
}

// A folder that somebody named: an environment, site-packages, or where the library itself is.
static bool find_in_folder(ee_find_t *search, const char *folder) {
  return ee_find_file(search, folder, FIND_LIBRARY_NAME) ||
         ee_find_file(search, folder, FIND_IN_PACKAGES) ||
         ee_find_file(search, folder, "lib/" FIND_LIBRARY_NAME) ||
         ee_find_in_prefix(search, folder);
}

bool ee_find_report_prefix(ee_find_t *search, const char *prefix) {
  if (ee_find_in_prefix(search, prefix)) {
    ee_find_report(search, "%s: found %s", prefix, search->path);
    return true;
  }
  ee_find_report(search, "%s: no iree-base-compiler in it", prefix);
  return false;
}

bool ee_find_venv_above(ee_find_t *search, const char *what, const char *folder) {
  char at[FIND_PATH], venv[FIND_PATH];
  if (strlen(folder) >= sizeof at) return false;
  snprintf(at, sizeof at, "%s", folder);
  bool any = false;
  for (;;) {
    struct stat info;
    const int length = snprintf(venv, sizeof venv, "%s/.venv", strcmp(at, "/") ? at : "");
    if (length > 0 && (size_t)length < sizeof venv && stat(venv, &info) == 0) {
      any = true;
      if (ee_find_report_prefix(search, venv)) return true;
    }
    char *slash = strrchr(at, '/');
    if (!slash || !strcmp(at, "/")) break;
    slash[slash == at] = 0;
  }
  if (!any) ee_find_report(search, "%s: no .venv in %s or above", what, folder);
  return false;
}

bool ee_find_in_variable(ee_find_t *search, const char *name) {
  const char *prefix = getenv(name);
  if (!prefix || !*prefix) {
    ee_find_report(search, "%s: not set", name);
    return false;
  }
  return ee_find_report_prefix(search, prefix);
}

// A path that somebody chose: it is that or nothing.
static eerie_status_t find_named(ee_find_t *search, const char *what, const char *path,
                                 eerie_error_t *err) {
  struct stat info;
  if (stat(path, &info) != 0)
    return EE_COMPILER_FAIL(err, EERIE_UNAVAILABLE, "no compiler at %s (%s): %s; " FIND_INSTALL,
                            path, what, strerror(errno));
  if (S_ISDIR(info.st_mode)) {
    if (find_in_folder(search, path)) return EERIE_OK;
    return EE_COMPILER_FAIL(err, EERIE_UNAVAILABLE,
                            "no " FIND_LIBRARY_NAME " in the folder %s (%s); " FIND_INSTALL, path,
                            what);
  }
  const int length = snprintf(search->path, sizeof search->path, "%s", path);
  if (length < 0 || (size_t)length >= sizeof search->path)
    return EE_COMPILER_FAIL(err, EERIE_UNAVAILABLE, "the path of the compiler (%s) is too long",
                            what);
  return EERIE_OK;
}

// Gathers places for an error message, as many as it holds.
typedef struct find_places {
  char text[EERIE_ERROR_MESSAGE_SIZE];
  size_t size;
} find_places_t;

static void find_add_place(void *user, const char *text) {
  find_places_t *places = user;
  const int length = snprintf(places->text + places->size, sizeof places->text - places->size,
                              "%s%s", places->size ? "; " : "", text);
  if (length > 0) places->size += (size_t)length;
  if (places->size >= sizeof places->text) places->size = sizeof places->text - 1;
}

eerie_status_t eerie_compiler_find(const char *library_path, char *out_path, size_t capacity,
                                   eerie_error_t *err) {
  if (capacity) out_path[0] = 0;
  find_places_t places = {.size = 0};
  ee_find_t search = {.on_place = find_add_place, .user = &places};
  const char *variable = getenv("EERIE_COMPILER_LIB");
  eerie_status_t status = EERIE_OK;
  if (library_path) {
    status = find_named(&search, "the path given", library_path, err);
  } else if (variable && *variable) {
    status = find_named(&search, "EERIE_COMPILER_LIB", variable, err);
  } else if (!ee_find_everywhere(&search)) {
    status = EE_COMPILER_FAIL(err, EERIE_UNAVAILABLE,
                              "no IREE compiler found: " FIND_INSTALL
                              "; searched: EERIE_COMPILER_LIB: not set; %s",
                              places.text);
  }
  if (status) return status;
  const size_t size = strlen(search.path) + 1;
  if (size > capacity)
    return EE_COMPILER_FAIL(err, EERIE_OUT_OF_RANGE, "the compiler's path takes %zu bytes, not %zu",
                            size, capacity);
  memcpy(out_path, search.path, size);
  return EERIE_OK;
}

void eerie_compiler_list_places(eerie_compiler_text_fn on_place, void *user) {
  ee_find_t search = {.on_place = on_place, .user = user};
  const char *variable = getenv("EERIE_COMPILER_LIB");
  if (variable && *variable) {
    eerie_error_t err = {0};
    if (find_named(&search, "EERIE_COMPILER_LIB", variable, &err))
      ee_find_report(&search, "EERIE_COMPILER_LIB: %s", err.message);
    else
      ee_find_report(&search, "EERIE_COMPILER_LIB: %s", search.path);
    return;
  }
  ee_find_report(&search, "EERIE_COMPILER_LIB: not set");
  ee_find_everywhere(&search);
}
