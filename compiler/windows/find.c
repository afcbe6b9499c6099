// find.c: where Python keeps packages on Windows: PREFIX/Lib/site-packages, with python.exe in
// PREFIX or, of an environment, in PREFIX/Scripts; those of a user in %APPDATA%/Python/Python3N.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/find.h"

// Both separators are the system's; the shared code knows one.
static void find_use_slashes(char *path) {
  for (; *path; ++path)
    if (*path == '\\') *path = '/';
}

bool ee_find_in_prefix(ee_find_t *search, const char *prefix) {
  return ee_find_file(search, prefix, "Lib/site-packages/" FIND_IN_PACKAGES);
}

static bool find_program_folder(char folder[FIND_PATH]) {
  const DWORD length = GetModuleFileNameA(NULL, folder, FIND_PATH);
  if (length == 0 || length >= FIND_PATH) return false;
  find_use_slashes(folder);
  char *slash = strrchr(folder, '/');
  if (slash) *slash = 0;
  return slash != NULL;
}

static bool find_on_path(ee_find_t *search) {
  const char *path = getenv("PATH");
  bool any = false;
  for (const char *at = path ? path : ""; *at;) {
    const size_t length = strcspn(at, ";");
    char python[FIND_PATH], prefix[FIND_PATH];
    const int n = snprintf(python, sizeof python, "%.*s/python.exe", (int)length, at);
    if (length && n > 0 && (size_t)n < sizeof python && access(python, 0) == 0) {
      any = true;
      snprintf(prefix, sizeof prefix, "%.*s", (int)length, at);
      find_use_slashes(prefix);
      for (size_t end = strlen(prefix); end && prefix[end - 1] == '/';)
        prefix[--end] = 0;
      char *slash = strrchr(prefix, '/');
      if (slash && _stricmp(slash, "/Scripts") == 0) *slash = 0;
      if (ee_find_report_prefix(search, prefix)) return true;
    }
    at += length + (at[length] == ';');
  }
  if (!any) ee_find_report(search, "PATH: no python.exe");
  return false;
}

// The newest of %APPDATA%/Python/Python3N/site-packages that has it.
static bool find_of_user(ee_find_t *search) {
  const char *data = getenv("APPDATA");
  char folder[FIND_PATH];
  const int length = snprintf(folder, sizeof folder, "%s/Python", data ? data : "");
  DIR *entries = data && length > 0 && (size_t)length < sizeof folder ? opendir(folder) : NULL;
  int best = -1;
  for (const struct dirent *entry; entries && (entry = readdir(entries));) {
    char name[512];
    const int minor = strncmp(entry->d_name, "Python3", 7) == 0 ? atoi(entry->d_name + 7) : -1;
    const int n = snprintf(name, sizeof name, "%s/site-packages/" FIND_IN_PACKAGES, entry->d_name);
    if (minor > best && n > 0 && (size_t)n < sizeof name && ee_find_file(search, folder, name))
      best = minor;
  }
  if (entries) closedir(entries);
  if (best < 0) ee_find_report(search, "APPDATA: no iree-base-compiler in %s", folder);
  return best >= 0;
}

bool ee_find_everywhere(ee_find_t *search) {
  char folder[FIND_PATH];
  if (getcwd(folder, (int)sizeof folder)) {
    find_use_slashes(folder);
    if (ee_find_venv_above(search, "current directory", folder)) return true;
  }
  if (find_program_folder(folder) && ee_find_venv_above(search, "program", folder)) return true;
  return ee_find_in_variable(search, "VIRTUAL_ENV") ||
         ee_find_in_variable(search, "CONDA_PREFIX") || find_on_path(search) ||
         find_of_user(search);
}
