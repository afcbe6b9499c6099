// embed_access.c: which tensors a kernel reads and which it writes, from the compiler's own words.
//
// Neither a module nor its kernels tell, but the IR of the phase "stream" does, a line for each
// binding of a dispatch:
//
//   stream.cmd.dispatch @model_dispatch_1::@model_dispatch_1_conv_f32 {
//     ro %arg6[%c0 for %c400] : !stream.resource<transient>{%c3648},
//     wo %arg6[%c448 for %c2048] : !stream.resource<transient>{%c3648}
//   }
//
// Source: what compilers 3.11 to 3.13 print. What this tells nothing of is taken for read and
// written, which costs memory at most.
#define _GNU_SOURCE

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "embed.h"

struct ee_cli_embed_access {
  char *name;
  ee_cli_embed_access_kind_t kinds[64]; // by binding
  size_t count;
};

static ee_cli_embed_access_t *find(const ee_cli_embed_accesses_t *all, const char *name,
                                   size_t size) {
  for (size_t i = 0; i < all->count; ++i)
    if (strlen(all->items[i].name) == size && memcmp(all->items[i].name, name, size) == 0)
      return &all->items[i];
  return NULL;
}

// Two dispatches of a kernel may differ; what counts is true of both.
static void merge(ee_cli_embed_access_t *into, const ee_cli_embed_access_t *other) {
  if (into->count != other->count) into->count = 0;
  for (size_t i = 0; i < into->count; ++i)
    if (other->kinds[i] != into->kinds[i]) into->kinds[i] = EE_CLI_EMBED_READ_AND_WRITTEN;
}

static void add(ee_cli_embed_accesses_t *all, const char *name, size_t size,
                const ee_cli_embed_access_t *access) {
  ee_cli_embed_access_t *known = find(all, name, size);
  if (known) {
    merge(known, access);
    return;
  }
  ee_cli_embed_access_t *items = realloc(all->items, (all->count + 1) * sizeof *items);
  char *copy = strndup(name, size);
  if (items) all->items = items;
  if (!items || !copy) {
    free(copy);
    return;
  }
  items[all->count] = *access;
  items[all->count++].name = copy;
}

// The lines of one dispatch, from behind its brace.
static void read_bindings(const char *at, ee_cli_embed_access_t *access) {
  static const struct {
    const char *word;
    ee_cli_embed_access_kind_t kind;
  } words[] = {{"ro ", EE_CLI_EMBED_READ},
               {"wo ", EE_CLI_EMBED_WRITTEN},
               {"rw ", EE_CLI_EMBED_READ_AND_WRITTEN}};
  while (access->count < sizeof access->kinds / sizeof *access->kinds) {
    at += strspn(at, " \n");
    size_t i = 0;
    while (i < 3 && strncmp(at, words[i].word, 3) != 0)
      ++i;
    if (i == 3) return;
    access->kinds[access->count++] = words[i].kind;
    at += strcspn(at, "\n");
  }
  access->count = 0;
}

static void read_text(const char *text, ee_cli_embed_accesses_t *all) {
  static const char word[] = "stream.cmd.dispatch @";
  for (const char *at = strstr(text, word); at; at = strstr(at, word)) {
    at += sizeof word - 1;
    const size_t line = strcspn(at, "\n");
    const char *name = memmem(at, line, "::@", 3);
    // A line that ends otherwise goes on in a way that is not known here.
    if (!name || line == 0 || at[line - 1] != '{') continue;
    name += 3;
    const bool quoted = *name == '"';
    name += quoted;
    ee_cli_embed_access_t access = {.count = 0};
    read_bindings(at + line, &access);
    add(all, name, strcspn(name, quoted ? "\"" : " ([{\n"), &access);
  }
}

void ee_cli_embed_accesses_read(const char *folder, ee_cli_embed_accesses_t *out_accesses) {
  *out_accesses = (ee_cli_embed_accesses_t){0};
  DIR *listing = opendir(folder);
  if (!listing) return;
  for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
    char *path = NULL;
    if (entry->d_name[0] == '.' || asprintf(&path, "%s/%s", folder, entry->d_name) < 0) continue;
    ee_cli_text_t text = {0};
    eerie_error_t err;
    if (strstr(entry->d_name, ".stream.mlir") && ee_cli_read_file(path, &text, &err) == EERIE_OK &&
        text.data)
      read_text(text.data, out_accesses);
    ee_cli_text_free(&text);
    unlink(path);
    free(path);
  }
  closedir(listing);
  rmdir(folder);
}

ee_cli_embed_access_kind_t ee_cli_embed_access_of(const ee_cli_embed_model_t *model,
                                                  const eerie_plan_step_t *step, size_t binding) {
  const ee_cli_embed_object_t *object = model->object;
  const char *name = step->kernel;
  if (!name && step->ordinal < object->kernel_count) name = object->kernels[step->ordinal].name;
  const ee_cli_embed_access_t *access = name ? find(model->accesses, name, strlen(name)) : NULL;
  return access && access->count == step->binding_count ? access->kinds[binding]
                                                        : EE_CLI_EMBED_UNKNOWN;
}

void ee_cli_embed_accesses_free(ee_cli_embed_accesses_t *accesses) {
  for (size_t i = 0; i < accesses->count; ++i)
    free(accesses->items[i].name);
  free(accesses->items);
  *accesses = (ee_cli_embed_accesses_t){0};
}
