// cache_import.c: what models became when they were imported, so that a compile whose module is in
// the cache need not import at all: frameworks take seconds to load.
//
// An entry is found by what the user said: the model's content (of a folder, its place) and the
// options. It tells the hash
// of the MLIR, by which the module is found, and lists what the import depended on; it holds while
// each file has the hash and each piece of software the size and time that are written there.
//
//   "eerie-import 1 HASH\n"   of all that follows
//   "source HASH\n" "input_type TEXT\n" "route TEXT\n"
//   "file HASH PATH\n"        below the model's folder: from there; else absolute
//   "tool SIZE TIME PATH\n"   TIME in nanoseconds
#define _GNU_SOURCE

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache.h"
#include "file.h"
#include "stamp.h"

enum { NOTE_PATH = 4096, NOTE_HASH = 64, NOTE_LINE = NOTE_PATH + 256 };

static const char note_head[] = "eerie-import 1 ";

static void note_hash(const char *data, size_t size, char out[65]) {
  ee_cli_sha256_t hash;
  ee_cli_sha256_begin(&hash);
  ee_cli_sha256_add(&hash, data, size);
  ee_cli_sha256_end(&hash, out);
}

static int64_t note_time(const struct stat *info) {
  return (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
}

// The folder that a model lies in, or that it is, with a slash at the end.
static bool note_folder(const char *model, char out[NOTE_PATH]) {
  char path[NOTE_PATH];
  struct stat info;
  if (!realpath(model, path) || stat(path, &info) != 0) return false;
  char *const slash = S_ISDIR(info.st_mode) ? NULL : strrchr(path, '/');
  if (slash) *slash = 0;
  return snprintf(out, NOTE_PATH, "%s/", path) < NOTE_PATH;
}

// ---- Reading -----------------------------------------------------------------------------------

static bool note_file_holds(const char *folder, const char *line) {
  char path[2 * NOTE_PATH], hash[65];
  struct stat info;
  if (strspn(line, "0123456789abcdef") != NOTE_HASH || line[NOTE_HASH] != ' ') return false;
  const char *const name = line + NOTE_HASH + 1;
  snprintf(path, sizeof path, "%s%s", *name == '/' ? "" : folder, name);
  // A device has no end, and a pipe none while nobody writes.
  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  return !ee_cli_stamp_hash_file(path, hash, NULL) && memcmp(hash, line, NOTE_HASH) == 0;
}

static bool note_tool_holds(const char *line) {
  long long size = 0, time = 0;
  int at = 0;
  struct stat info;
  if (sscanf(line, "%lld %lld %n", &size, &time, &at) != 2 || !at || stat(line + at, &info) != 0)
    return false;
  return (long long)info.st_size == size && note_time(&info) == time;
}

static bool note_copy(const char *text, char *out, size_t capacity) {
  return (size_t)snprintf(out, capacity, "%s", text) < capacity;
}

// Whether what the line says is still so.
static bool note_line(const char *folder, const char *line, ee_cli_cached_import_t *out) {
  if (strncmp(line, "source ", 7) == 0)
    return note_copy(line + 7, out->source_sha256, sizeof out->source_sha256);
  if (strncmp(line, "input_type ", 11) == 0)
    return note_copy(line + 11, out->result.input_type, sizeof out->result.input_type);
  if (strncmp(line, "route ", 6) == 0)
    return note_copy(line + 6, out->result.route, sizeof out->result.route);
  if (strncmp(line, "file ", 5) == 0) return note_file_holds(folder, line + 5);
  return strncmp(line, "tool ", 5) == 0 && note_tool_holds(line + 5);
}

static bool note_holds(ee_cli_text_t *text, const char *folder, ee_cli_cached_import_t *out) {
  char real[65];
  const size_t head = sizeof note_head - 1 + NOTE_HASH + 1;
  if (text->size <= head || memcmp(text->data, note_head, sizeof note_head - 1) != 0) return false;
  note_hash(text->data + head, text->size - head, real);
  if (memcmp(text->data + sizeof note_head - 1, real, NOTE_HASH) != 0 ||
      text->data[text->size - 1] != '\n')
    return false;
  for (char *at = text->data + head; *at;) {
    char *const end = at + strcspn(at, "\n");
    if (!*end) return false;
    *end = 0;
    if (!note_line(folder, at, out)) return false;
    at = end + 1;
  }
  return strlen(out->source_sha256) == NOTE_HASH;
}

bool ee_cli_cache_find_import(const ee_cli_cache_t *cache, const char key[65], const char *model,
                              ee_cli_cached_import_t *out_import) {
  *out_import = (ee_cli_cached_import_t){.source_sha256 = ""};
  char path[NOTE_PATH], folder[NOTE_PATH];
  ee_cli_text_t text = {0};
  if (!cache->folder[0] || !note_folder(model, folder)) return false;
  ee_cli_cache_path(cache, key, EE_CLI_CACHE_IMPORT, path);
  const bool good =
      !ee_cli_read_file(path, &text, NULL) && text.data && note_holds(&text, folder, out_import);
  ee_cli_text_free(&text);
  if (good) ee_cli_cache_used(path);
  return good;
}

// ---- Writing -----------------------------------------------------------------------------------

// One line of what the importer told; false where the import may have seen something else.
static bool note_add(ee_cli_text_t *text, const char *line, const char *model, const char *folder,
                     int64_t begun_ns) {
  struct stat info;
  const bool file = strncmp(line, "file=", 5) == 0;
  const char *path = line + 5;
  if ((!file && strncmp(line, "tool=", 5) != 0) || stat(path, &info) != 0) return false;
  if (note_time(&info) >= begun_ns) return false; // it has changed meanwhile
  if (!file) {
    ee_cli_text_printf(text, "tool %lld %" PRId64 " %s\n", (long long)info.st_size,
                       note_time(&info), path);
    return true;
  }
  char hash[65], real[NOTE_PATH];
  if (ee_cli_stamp_hash_file(path, hash, NULL) || !realpath(path, real)) return false;
  if (strcmp(real, model) == 0) return true; // its hash is part of the key
  const size_t below = strlen(folder);
  const bool inside = strncmp(real, folder, below) == 0;
  ee_cli_text_printf(text, "file %s %s\n", hash, inside ? real + below : real);
  return true;
}

void ee_cli_cache_add_import(const ee_cli_cache_t *cache, const char key[65], const char *model,
                             const char source_sha256[65], const ee_cli_import_result_t *result,
                             int64_t begun_ns) {
  char path[NOTE_PATH], folder[NOTE_PATH], real[NOTE_PATH], hash[65];
  if (!cache->folder[0] || !result->depends.size || !note_folder(model, folder) ||
      !realpath(model, real))
    return;
  // The clock of file systems ticks some milliseconds apart.
  const int64_t before_ns = begun_ns - 20000000;
  ee_cli_text_t text = {0}, whole = {0};
  ee_cli_text_printf(&text, "source %.64s\ninput_type %s\nroute %s\n", source_sha256,
                     result->input_type, result->route);
  bool good = true;
  for (char *at = result->depends.data; good && *at;) {
    const size_t size = strcspn(at, "\n");
    char line[NOTE_LINE];
    good = size < sizeof line;
    if (good) snprintf(line, sizeof line, "%.*s", (int)size, at);
    good = good && note_add(&text, line, real, folder, before_ns);
    at += size + (at[size] == '\n');
  }
  if (good && !text.failed) {
    note_hash(text.data, text.size, hash);
    ee_cli_text_printf(&whole, "%s%s\n", note_head, hash);
    ee_cli_text_append(&whole, text.data, text.size);
    ee_cli_cache_path(cache, key, EE_CLI_CACHE_IMPORT, path);
    if (!whole.failed) ee_cli_cache_put(cache, path, &whole, 1);
  }
  ee_cli_text_free(&text);
  ee_cli_text_free(&whole);
}
