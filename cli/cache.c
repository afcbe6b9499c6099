// cache.c: the compile cache, and `eerie cache` that lists and clears it.
//
// A folder of files named by their keys. An entry is written beside its place and renamed, so any
// number of processes may use one folder: each sees whole entries or none, and who reads one that
// another removes keeps what it has opened. An entry carries the hash of what it holds.
//
//   "eerie-cache 1 HASH FLAGS MODULE\n"   sizes in bytes; the hash is of all that follows
//   flags, a line each; the module
#define _GNU_SOURCE

#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "json.h"

enum { CACHE_HEAD = 160, CACHE_PATH = EE_CLI_CACHE_PATH, CACHE_STALE_SECONDS = 3600 };

// Of each kind.
static const char *const cache_suffixes[] = {".module", ".import"};

// ---- Where it is -------------------------------------------------------------------------------

// The folder of the XDG base directory specification.
static bool cache_default(char *out, size_t capacity) {
  const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int length = -1;
  if (base && *base == '/')
    length = snprintf(out, capacity, "%s/eerie", base);
  else if (home && *home)
    length = snprintf(out, capacity, "%s/.cache/eerie", home);
  return length > 0 && (size_t)length < capacity;
}

int ee_cli_cache_open(const char *given, uint64_t limit_mb, ee_cli_cache_t *out_cache) {
  *out_cache = (ee_cli_cache_t){.limit = UINT64_C(1024) << 20};
  const char *told = given ? given : getenv("EERIE_CACHE");
  const char *size = getenv("EERIE_CACHE_SIZE");
  if (!told || (!given && !*told) || strcmp(told, "off") == 0) return EE_CLI_OK;
  if (!limit_mb && size && *size) {
    char *end = NULL;
    limit_mb = strtoull(size, &end, 10);
    if (*end || !limit_mb)
      return ee_cli_fail(EE_CLI_USAGE, "EERIE_CACHE_SIZE: '%.40s' is no number of MB", size);
  }
  if (limit_mb > UINT64_MAX >> 21)
    return ee_cli_fail(EE_CLI_USAGE, "--cache-size: there is no disk so large");
  if (limit_mb) out_cache->limit = limit_mb << 20;
  if (*told && strcmp(told, "on") != 0) {
    if (strlen(told) >= sizeof out_cache->folder)
      return ee_cli_fail(EE_CLI_USAGE, "--cache: the folder's name is too long");
    snprintf(out_cache->folder, sizeof out_cache->folder, "%s", told);
  } else if (!cache_default(out_cache->folder, sizeof out_cache->folder)) {
    return ee_cli_fail(EE_CLI_USAGE, "--cache: neither XDG_CACHE_HOME nor HOME tells where the "
                                     "cache is; give --cache=FOLDER");
  }
  return EE_CLI_OK;
}

static bool cache_make_folder(const char *folder) {
  char path[CACHE_PATH];
  snprintf(path, sizeof path, "%s", folder);
  for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
    *slash = 0;
    if (mkdir(path, 0777) != 0 && errno != EEXIST) return false;
  }
  return mkdir(path, 0777) == 0 || errno == EEXIST;
}

void ee_cli_cache_path(const ee_cli_cache_t *cache, const char key[65], ee_cli_cache_kind_t kind,
                       char out[EE_CLI_CACHE_PATH]) {
  snprintf(out, CACHE_PATH, "%s/%.64s%s", cache->folder, key, cache_suffixes[kind]);
}

void ee_cli_cache_used(const char *path) {
  utimensat(AT_FDCWD, path, NULL, 0);
}

// ---- Keys --------------------------------------------------------------------------------------

void ee_cli_cache_key(ee_cli_sha256_t *hash, const char *text) {
  ee_cli_sha256_add(hash, text ? text : "", text ? strlen(text) : 0);
  ee_cli_sha256_add(hash, text ? "\0+" : "\0-", 2);
}

void ee_cli_cache_key_cpu(ee_cli_sha256_t *hash) {
  // One processor's lines; those that change with time or its number are left out.
  static const char *const wanted[] = {"model name", "flags",    "Features",        "CPU part",
                                       "vendor_id",  "isa\t",    "CPU implementer", "cpu family",
                                       "model\t",    "stepping", "CPU variant"};
  FILE *file = fopen("/proc/cpuinfo", "r");
  char *line = NULL;
  size_t capacity = 0;
  while (file && getline(&line, &capacity, file) > 1)
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; ++i)
      if (strncmp(line, wanted[i], strlen(wanted[i])) == 0) ee_cli_cache_key(hash, line);
  free(line);
  if (file) fclose(file);
}

// ---- Reading -----------------------------------------------------------------------------------

static void cache_hash(const void *data, size_t size, char out[65]) {
  ee_cli_sha256_t hash;
  ee_cli_sha256_begin(&hash);
  ee_cli_sha256_add(&hash, data, size);
  ee_cli_sha256_end(&hash, out);
}

static bool cache_check(ee_cli_cached_t *entry) {
  const char *data = entry->bytes.data;
  const size_t size = entry->bytes.size;
  const char *end = data ? memchr(data, '\n', size < CACHE_HEAD ? size : CACHE_HEAD) : NULL;
  char told[65] = "", real[65];
  size_t flags = 0, module = 0;
  if (!end || sscanf(data, "eerie-cache 1 %64s %zu %zu", told, &flags, &module) != 3) return false;
  const char *rest = end + 1;
  const size_t rest_size = size - (size_t)(rest - data);
  if (flags > rest_size || module != rest_size - flags || !module) return false;
  cache_hash(rest, rest_size, real);
  if (strcmp(told, real) != 0) return false;
  entry->flags = rest;
  entry->flags_size = flags;
  entry->module = rest + flags;
  entry->module_size = module;
  return true;
}

bool ee_cli_cache_find(const ee_cli_cache_t *cache, const char key[65],
                       ee_cli_cached_t *out_entry) {
  *out_entry = (ee_cli_cached_t){.flags = NULL};
  if (!cache->folder[0]) return false;
  char path[CACHE_PATH];
  ee_cli_cache_path(cache, key, EE_CLI_CACHE_MODULE, path);
  if (access(path, R_OK) != 0 || ee_cli_read_file(path, &out_entry->bytes, NULL)) return false;
  if (!cache_check(out_entry)) {
    unlink(path);
    ee_cli_text_free(&out_entry->bytes);
    return false;
  }
  ee_cli_cache_used(path);
  return true;
}

// ---- The folder's files ------------------------------------------------------------------------

typedef struct cache_file {
  char name[96];
  ee_cli_cache_kind_t kind;
  uint64_t size;
  int64_t time_ns; // of the last use
} cache_file_t;

typedef struct cache_files {
  cache_file_t *items;
  size_t count, modules;
  uint64_t bytes;
} cache_files_t;

static bool cache_is_entry(const char *name, ee_cli_cache_kind_t *out_kind) {
  const size_t digits = strspn(name, "0123456789abcdef");
  for (int kind = EE_CLI_CACHE_MODULE; kind <= EE_CLI_CACHE_IMPORT; ++kind) {
    *out_kind = (ee_cli_cache_kind_t)kind;
    if (digits == 64 && strcmp(name + digits, cache_suffixes[kind]) == 0) return true;
  }
  return false;
}

static int cache_by_age(const void *a, const void *b) {
  const int64_t x = ((const cache_file_t *)a)->time_ns, y = ((const cache_file_t *)b)->time_ns;
  return (x > y) - (x < y);
}

// Entries, those first that were not used for longest. Temporary files of writers that ended before
// their time are removed on the way.
static void cache_scan(const char *folder, cache_files_t *out) {
  *out = (cache_files_t){.count = 0};
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    const bool temporary = strncmp(entry->d_name, ".new-", 5) == 0;
    struct stat info;
    ee_cli_cache_kind_t kind = EE_CLI_CACHE_MODULE;
    if ((!temporary && !cache_is_entry(entry->d_name, &kind)) ||
        fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (temporary) {
      if (info.st_mtime + CACHE_STALE_SECONDS < time(NULL))
        unlinkat(dirfd(directory), entry->d_name, 0);
      continue;
    }
    cache_file_t *items = realloc(out->items, (out->count + 1) * sizeof *items);
    if (!items) break;
    out->items = items;
    cache_file_t *file = &items[out->count++];
    *file =
        (cache_file_t){.kind = kind,
                       .size = (uint64_t)info.st_size,
                       .time_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec};
    snprintf(file->name, sizeof file->name, "%.90s", entry->d_name);
    out->bytes += file->size;
    out->modules += kind == EE_CLI_CACHE_MODULE;
  }
  if (directory) closedir(directory);
  if (out->count) qsort(out->items, out->count, sizeof *out->items, cache_by_age);
}

static bool cache_remove(const char *folder, const char *name) {
  char path[CACHE_PATH];
  snprintf(path, sizeof path, "%.3072s/%.90s", folder, name);
  return unlink(path) == 0;
}

static void cache_evict(const ee_cli_cache_t *cache) {
  cache_files_t files;
  cache_scan(cache->folder, &files);
  // To nine tenths, so that not every compile has to.
  const bool full = files.bytes > cache->limit;
  for (size_t i = 0; full && i < files.count && files.bytes > cache->limit / 10 * 9; ++i) {
    cache_remove(cache->folder, files.items[i].name);
    files.bytes -= files.items[i].size;
  }
  free(files.items);
}

// ---- Writing -----------------------------------------------------------------------------------

static bool cache_write(int fd, const void *data, size_t size) {
  for (const char *at = data; size;) {
    const ssize_t done = write(fd, at, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    size -= (size_t)done;
  }
  return true;
}

void ee_cli_cache_put(const ee_cli_cache_t *cache, const char *path, const ee_cli_text_t *pieces,
                      size_t count) {
  char temporary[CACHE_PATH];
  if (!cache_make_folder(cache->folder)) return;
  snprintf(temporary, sizeof temporary, "%.4000s/.new-XXXXXX", cache->folder);
  const int fd = mkostemp(temporary, O_CLOEXEC);
  if (fd < 0) return;
  bool good = true;
  for (size_t i = 0; i < count && good; ++i)
    good = !pieces[i].size || cache_write(fd, pieces[i].data, pieces[i].size);
  good = close(fd) == 0 && good;
  if (!good || rename(temporary, path) != 0)
    unlink(temporary);
  else
    cache_evict(cache);
}

void ee_cli_cache_add(const ee_cli_cache_t *cache, const char key[65], const ee_cli_text_t *flags,
                      const void *module, size_t module_size) {
  if (!cache->folder[0] || module_size > cache->limit) return;
  char path[CACHE_PATH], hash_text[65], head[CACHE_HEAD];
  ee_cli_cache_path(cache, key, EE_CLI_CACHE_MODULE, path);
  ee_cli_sha256_t hash;
  ee_cli_sha256_begin(&hash);
  if (flags->size) ee_cli_sha256_add(&hash, flags->data, flags->size);
  ee_cli_sha256_add(&hash, module, module_size);
  ee_cli_sha256_end(&hash, hash_text);
  const int length = snprintf(head, sizeof head, "eerie-cache 1 %s %zu %zu\n", hash_text,
                              flags->size, module_size);
  const ee_cli_text_t pieces[] = {{.data = head, .size = (size_t)length},
                                  *flags,
                                  {.data = (char *)(uintptr_t)module, .size = module_size}};
  ee_cli_cache_put(cache, path, pieces, sizeof pieces / sizeof pieces[0]);
}

// ---- eerie cache -------------------------------------------------------------------------------

static int cache_list(const ee_cli_cache_t *cache, bool as_json) {
  cache_files_t files;
  cache_scan(cache->folder, &files);
  int exit_code = EE_CLI_OK;
  if (as_json) {
    ee_cli_json_t json = {0};
    ee_cli_json_open(&json, NULL, '{');
    ee_cli_json_string(&json, "folder", cache->folder);
    ee_cli_json_number(&json, "bytes", files.bytes);
    ee_cli_json_number(&json, "limit", cache->limit);
    ee_cli_json_open(&json, "entries", '[');
    for (size_t i = files.count; i-- > 0;) {
      if (files.items[i].kind != EE_CLI_CACHE_MODULE) continue;
      ee_cli_json_open(&json, NULL, '{');
      ee_cli_json_string(&json, "name", files.items[i].name);
      ee_cli_json_number(&json, "bytes", files.items[i].size);
      ee_cli_json_number(&json, "used", (uint64_t)(files.items[i].time_ns / 1000000000));
      ee_cli_json_close(&json, '}');
    }
    ee_cli_json_close(&json, ']');
    ee_cli_json_close(&json, '}');
    exit_code = ee_cli_json_print(&json);
  } else {
    for (size_t i = files.count; i-- > 0;) {
      if (files.items[i].kind != EE_CLI_CACHE_MODULE) continue;
      const time_t used = (time_t)(files.items[i].time_ns / 1000000000);
      struct tm parts;
      char when[32] = "";
      if (gmtime_r(&used, &parts)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
      printf("%.16s  %12" PRIu64 "  %s\n", files.items[i].name, files.items[i].size, when);
    }
    ee_cli_text_t bytes = {0}, limit = {0};
    ee_cli_text_bytes(&bytes, files.bytes);
    ee_cli_text_bytes(&limit, cache->limit);
    printf("%s: %zu module%s, %s of %s\n", cache->folder, files.modules,
           files.modules == 1 ? "" : "s", bytes.data ? bytes.data : "",
           limit.data ? limit.data : "");
    ee_cli_text_free(&bytes);
    ee_cli_text_free(&limit);
  }
  free(files.items);
  return exit_code;
}

static int cache_clear(const ee_cli_cache_t *cache) {
  cache_files_t files;
  cache_scan(cache->folder, &files);
  size_t removed = 0;
  for (size_t i = 0; i < files.count; ++i)
    removed += cache_remove(cache->folder, files.items[i].name) &&
               files.items[i].kind == EE_CLI_CACHE_MODULE;
  printf("%s: %zu module%s removed\n", cache->folder, removed, removed == 1 ? "" : "s");
  free(files.items);
  return EE_CLI_OK;
}

static int cache_command(const ee_cli_strings_t *words, const char *given, uint64_t limit_mb,
                         bool as_json) {
  const char *what = words->count ? words->items[0] : "list";
  ee_cli_cache_t cache;
  const char *told = given ? given : getenv("EERIE_CACHE");
  // Looking at it works also where compiles do without.
  const bool none = !told || !*told || strcmp(told, "off") == 0;
  const int exit_code = ee_cli_cache_open(none ? "on" : told, limit_mb, &cache);
  if (exit_code) return exit_code;
  if (words->count > 1)
    return ee_cli_fail(EE_CLI_USAGE, "unexpected argument '%s'; see eerie cache --help",
                       words->items[1]);
  if (strcmp(what, "list") == 0) return cache_list(&cache, as_json);
  if (strcmp(what, "clear") == 0) return cache_clear(&cache);
  return ee_cli_fail(EE_CLI_USAGE, "'%s' is none of list, clear", what);
}

int eerie_cli_cache(int argc, char **argv) {
  const char *given = NULL;
  uint64_t limit_mb = 0;
  bool as_json = false;
  const ee_cli_option_t table[] = {
      {"cache", "FOLDER", EE_CLI_STRING, &given,
       "the folder; default: EERIE_CACHE, else eerie in XDG_CACHE_HOME\nor ~/.cache"},
      {"cache_size", "MB", EE_CLI_NUMBER, &limit_mb, NULL},
      {"json", NULL, EE_CLI_SWITCH, &as_json, "print the list as JSON"},
  };
  const ee_cli_command_t command = {
      .name = "cache",
      .summary = "list or clear modules that were compiled before",
      .arguments = "[list|clear] [options]",
      .notes = "Compiles use it with --cache, or where EERIE_CACHE is set.\n"
               "\n"
               "Example:\n"
               "  eerie compile mul.mlir --cache\n"
               "  eerie cache list\n",
      .options = table,
      .option_count = sizeof table / sizeof table[0]};
  ee_cli_strings_t words = {0};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &words, &exit_code))
    exit_code = cache_command(&words, given, limit_mb, as_json);
  ee_cli_strings_free(&words);
  return ee_cli_flush_stdout(exit_code);
}
