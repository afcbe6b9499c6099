// cache.h: modules that were compiled before, by the hash of everything that they depend on.
#ifndef EERIE_CLI_CACHE_H_
#define EERIE_CLI_CACHE_H_

#include "compiler.h"
#include "sha256.h"

typedef struct ee_cli_cache {
  char folder[3072]; // empty: no cache
  uint64_t limit;    // bytes of all entries
} ee_cli_cache_t;

// Where the cache is: `given` ("", "on", "off" or a folder) as --cache has it, or NULL; then the
// environment's EERIE_CACHE, likewise; else there is none. Sizes from `limit_mb`, EERIE_CACHE_SIZE,
// or 1024. Returns an exit code.
int ee_cli_cache_open(const char *given, uint64_t limit_mb, ee_cli_cache_t *out_cache);

// Looks for an entry: `out_entry` owns the bytes, `out_flags` and `out_module` lie in it. An entry
// that is damaged is removed, and not found.
typedef struct ee_cli_cached {
  ee_cli_text_t bytes;
  const char *flags; // a line each
  size_t flags_size;
  const void *module;
  size_t module_size;
} ee_cli_cached_t;
bool ee_cli_cache_find(const ee_cli_cache_t *cache, const char key[65], ee_cli_cached_t *out_entry);

// Adds an entry, and removes those that were not used for longest when there are too many bytes.
// What fails here is not an error: the module is there.
void ee_cli_cache_add(const ee_cli_cache_t *cache, const char key[65], const ee_cli_text_t *flags,
                      const void *module, size_t module_size);

// What a model became when it was imported. See cache_import.c.
typedef struct ee_cli_cached_import {
  char source_sha256[65]; // of the MLIR
  ee_cli_import_result_t result;
} ee_cli_cached_import_t;

// Looks for an import of `model`, and whether all that it depended on is what it was.
bool ee_cli_cache_find_import(const ee_cli_cache_t *cache, const char key[65], const char *model,
                              ee_cli_cached_import_t *out_import);
// Adds one that began at `begun_ns` (of the time of day) and made MLIR of the hash `source_sha256`.
// Not where the importer did not tell what it depended on, or that has changed since.
void ee_cli_cache_add_import(const ee_cli_cache_t *cache, const char key[65], const char *model,
                             const char source_sha256[65], const ee_cli_import_result_t *result,
                             int64_t begun_ns);

// ---- For both kinds of entries -----------------------------------------------------------------

typedef enum ee_cli_cache_kind { EE_CLI_CACHE_MODULE, EE_CLI_CACHE_IMPORT } ee_cli_cache_kind_t;
enum { EE_CLI_CACHE_PATH = 4096 };

void ee_cli_cache_path(const ee_cli_cache_t *cache, const char key[65], ee_cli_cache_kind_t kind,
                       char out[EE_CLI_CACHE_PATH]);
// Puts an entry of some pieces into its place, whole or not at all.
void ee_cli_cache_put(const ee_cli_cache_t *cache, const char *path, const ee_cli_text_t *pieces,
                      size_t count);
// Tells that an entry was used now.
void ee_cli_cache_used(const char *path);

// Adds a text to a key, and where it ends.
void ee_cli_cache_key(ee_cli_sha256_t *hash, const char *text);
// Adds what code for "host" depends on: this CPU.
void ee_cli_cache_key_cpu(ee_cli_sha256_t *hash);

#endif // EERIE_CLI_CACHE_H_
