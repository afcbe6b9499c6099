// cache.h: modules that were compiled before, by the hash of everything that they depend on.
#ifndef EERIE_CLI_CACHE_H_
#define EERIE_CLI_CACHE_H_

#include "cli.h"
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

// Adds a text to a key, and where it ends.
void ee_cli_cache_key(ee_cli_sha256_t *hash, const char *text);
// Adds what code for "host" depends on: this CPU.
void ee_cli_cache_key_cpu(ee_cli_sha256_t *hash);

#endif // EERIE_CLI_CACHE_H_
