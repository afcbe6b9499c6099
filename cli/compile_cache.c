// compile_cache.c: modules that were compiled before.
#define _GNU_SOURCE

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile.h"
#include "gpu.h"

// Flags whose effect is not the module, or not the module alone, or that name files.
static bool compile_flag_is_for_cache(const char *flag) {
  static const char *const not_for_cache[] = {"dump",  "print", "timing",  "debug",  "reproducer",
                                              "trace", "stats", "profile", "output", "path"};
  for (size_t i = 0; i < sizeof not_for_cache / sizeof not_for_cache[0]; ++i)
    if (strstr(flag, not_for_cache[i])) return false;
  const char *value = strchr(flag, '=');
  return !value || !value[1] || access(value + 1, F_OK) != 0;
}

static bool compile_is_for_cache(const ee_cli_compile_run_t *run,
                                 const eerie_compile_options_t *what) {
  const ee_cli_compile_options_t *options = run->options;
  if (!run->cache.folder[0] || ee_cli_compile_makes_ir(what) || what->split_input ||
      what->pipeline != EERIE_COMPILER_STANDARD || what->compile_from || what->dump_phases_to ||
      what->static_library_path || what->format == EERIE_COMPILER_EXECUTABLE_BINARY ||
      options->print_flags || options->choices || options->mode)
    return false;
  for (size_t i = 0; i < options->raw.count; ++i)
    if (!compile_flag_is_for_cache(options->raw.items[i])) return false;
  return true;
}

// A source may name object files, which the module then contains.
static bool compile_hash_mlir(ee_cli_compile_run_t *run, const eerie_compile_options_t *what) {
  if (run->mlir_sha256[0]) return true; // known since it was imported
  ee_cli_text_t text = {0};
  const char *data = what->source;
  size_t size = what->source_size;
  if (!data) {
    if (strcmp(what->source_path, "-") == 0 || ee_cli_read_file(what->source_path, &text, NULL))
      return false;
    data = text.data;
    size = text.size;
  }
  const bool good = data && !ee_cli_compile_contains(data, size, "executable.object");
  if (good) {
    ee_cli_sha256_t hash;
    ee_cli_sha256_begin(&hash);
    ee_cli_sha256_add(&hash, data, size);
    ee_cli_sha256_end(&hash, run->mlir_sha256);
  }
  ee_cli_text_free(&text);
  return good;
}

void ee_cli_compile_make_key(ee_cli_compile_run_t *run, const char *input,
                             const eerie_compile_options_t *what) {
  const ee_cli_compile_options_t *options = run->options;
  eerie_compiler_info_t info;
  struct stat library;
  if (!compile_is_for_cache(run, what) || eerie_compiler_get_info(run->compiler, &info, NULL) ||
      stat(info.path, &library) != 0)
    return;
  ee_cli_sha256_t hash;
  ee_cli_sha256_begin(&hash);
  char numbers[160];
  snprintf(numbers, sizeof numbers, "%lld %lld %d %d", (long long)library.st_size,
           (long long)library.st_mtime, (int)what->opt_level, what->skip_verify);
  // The compiler writes the source's path into the module; that of an import is nobody's.
  const char *const texts[] = {"2",
                               eerie_version(),
                               info.revision,
                               numbers,

                               options->device,
                               what->input_type,
                               run->imported ? "" : input};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i)
    ee_cli_cache_key(&hash, texts[i]);
  bool host = false;
  for (size_t i = 0; i < options->targets.count; ++i) {
    const char *target = options->targets.items[i];
    host = host || strcmp(target, "host") == 0 || strcmp(target, "native") == 0;
    ee_cli_cache_key(&hash, target);
  }
  for (size_t i = 0; i < options->raw.count; ++i) {
    host = host || strstr(options->raw.items[i], "host");
    ee_cli_cache_key(&hash, options->raw.items[i]);
  }
  if (host) ee_cli_cache_key_cpu(&hash);
  if (!compile_hash_mlir(run, what)) return;
  ee_cli_cache_key(&hash, run->mlir_sha256);
  ee_cli_sha256_end(&hash, run->cache_key);
}

void ee_cli_compile_make_import_key(ee_cli_compile_run_t *run, const char *model,
                                    const eerie_compile_options_t *what) {
  const ee_cli_compile_options_t *options = run->options;
  eerie_compiler_info_t info;
  char place[4096] = "";
  const char *name = strrchr(model, '/');
  if (!compile_is_for_cache(run, what) || eerie_compiler_get_info(run->compiler, &info, NULL) ||
      (!run->source_sha256[0] && !realpath(model, place)))
    return;
  ee_cli_sha256_t hash;
  ee_cli_sha256_begin(&hash);
  const char *const texts[] = {"import 1", eerie_version(),    info.revision,
                               place,      run->source_sha256, name ? name + 1 : model};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i)
    ee_cli_cache_key(&hash, texts[i]);
  if (ee_cli_import_key(&options->import, options->compiler, &hash))
    ee_cli_sha256_end(&hash, run->import_key);
}

// The flags that were chosen go into the stamp.
static void compile_keep_cached_flags(ee_cli_compile_run_t *run, const ee_cli_cached_t *entry) {
  const char *at = entry->flags, *const end = at + entry->flags_size;
  while (at < end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) break;
    char *flag = strndup(at, (size_t)(stop - at));
    if (flag) ee_cli_compile_keep_flag(&run->chosen, flag);
    free(flag);
    at = stop + 1;
  }
}

void ee_cli_compile_add_to_cache(const ee_cli_compile_run_t *run, eerie_compiler_output_t *output) {
  // What the compiler had to say would not be said the next time.
  if (!run->cache_key[0] || run->printed) return;
  ee_cli_text_t flags = {0};
  for (size_t i = 0; i < run->chosen.count; ++i)
    ee_cli_text_printf(&flags, "%s\n", run->chosen.items[i]);
  const void *data;
  size_t size = 0;
  if (!flags.failed && !eerie_compiler_output_map(output, &data, &size, NULL) && size)
    ee_cli_cache_add(&run->cache, run->cache_key, &flags, data, size);
  ee_cli_text_free(&flags);
}

bool ee_cli_compile_from_cache(ee_cli_compile_run_t *run, const char *input,
                               const char *output_path, int *out_exit) {
  ee_cli_cached_t entry;
  eerie_compiler_output_t *output = NULL;
  const double start = ee_cli_compile_now();
  if (!run->cache_key[0] || !ee_cli_cache_find(&run->cache, run->cache_key, &entry)) return false;
  const bool good = !eerie_compiler_output_create(run->compiler, &output, NULL) &&
                    !eerie_compiler_output_append(output, entry.module, entry.module_size, NULL);
  if (good) {
    run->cached = true;
    compile_keep_cached_flags(run, &entry);
    *out_exit = ee_cli_compile_write(run, input, output_path, output, ee_cli_compile_now() - start);
  }
  eerie_compiler_output_release(output);
  ee_cli_text_free(&entry.bytes);
  return good;
}
