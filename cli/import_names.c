// import_names.c: options of an import, which models are imported, and what files that come of
// them are called.
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "import.h"

bool ee_cli_import_has_extension(const char *path, size_t size, const char *extension) {
  const size_t end = strlen(extension);
  return size > end && strncasecmp(path + size - end, extension, end) == 0;
}

// Where ":name" begins, or the end.
static size_t import_path_size(const char *source) {
  const char *found = NULL;
  for (const char *at = strstr(source, ".py:"); at; at = strstr(at + 1, ".py:"))
    found = at;
  return found ? (size_t)(found - source) + 3 : strlen(source);
}

void ee_cli_import_path(const char *source, char *out, size_t capacity) {
  snprintf(out, capacity, "%.*s", (int)import_path_size(source), source);
}

// Whether a StableHLO file is what serialize() of jax.export wrote: a flatbuffer around MLIR
// bytecode, where the compiler takes the bytecode alone, or text. Its first word is an offset below
// 2^16.
static bool import_is_serialized(const char *path) {
  unsigned char head[4] = {1, 1, 1, 1};
  FILE *file = fopen(path, "rb");
  const size_t size = file ? fread(head, 1, sizeof head, file) : 0;
  if (file) fclose(file);
  return size == sizeof head && head[2] == 0 && head[3] == 0;
}

bool ee_cli_import_takes(const char *source) {
  static const char *const extensions[] = {".onnx",   ".pt2", ".py",     ".keras", ".h5",
                                           ".tflite", ".pkl", ".pickle", ".joblib"};
  const size_t size = import_path_size(source);
  for (size_t i = 0; i < sizeof extensions / sizeof *extensions; ++i)
    if (ee_cli_import_has_extension(source, size, extensions[i])) return true;
  if (ee_cli_import_has_extension(source, size, ".stablehlo")) return import_is_serialized(source);
  char model[IMPORT_PATH];
  struct stat info;
  return snprintf(model, sizeof model, "%s/saved_model.pb", source) < (int)sizeof model &&
         stat(model, &info) == 0;
}

bool ee_cli_import_derive(const char *source, const char *extension, char *out, size_t capacity) {
  size_t size = import_path_size(source);
  const char *name = source;
  if (source[size] == ':') {
    name = source + size + 1;
    size = strlen(name);
  } else {
    while (size > 1 && source[size - 1] == '/')
      --size;
    for (size_t i = 0; i < size; ++i)
      if (source[i] == '/' && i + 1 < size) name = source + i + 1;
    size -= (size_t)(name - source);
    size_t dot = size;
    while (dot > 1 && name[dot - 1] != '.')
      --dot;
    if (dot > 1) size = dot - 1;
  }
  const int length = snprintf(out, capacity, "%.*s%s", (int)size, name, extension);
  return length > 0 && (size_t)length < capacity;
}

void ee_cli_import_options_free(ee_cli_import_options_t *options) {
  ee_cli_strings_free(&options->dims);
  ee_cli_strings_free(&options->inputs);
  ee_cli_strings_free(&options->weights);
  ee_cli_strings_free(&options->rewrites);
  ee_cli_strings_free(&options->no_rewrites);
}
