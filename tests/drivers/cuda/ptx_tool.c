// ptx_tool.c: PTX kernels alone, told on the standard input what to do, a line each:
//
//   module FILE CAPABILITY         parses a text; in front of all others
//   memory NAME FILE               memory of the device with a file's bytes
//   launch KERNEL GX GY GZ BX BY BZ SHARED ARGUMENT...
//                                  an argument is a memory's name, or SIZE:HEX
//   save NAME FILE                 a memory's bytes
//
// Exit code 1 with a message on the standard error when something is wrong; 2: wrong usage.
#include "ptx.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MEMORIES = 256, MOST_PARAMS = 4096, MOST_LINE = 4096 };

typedef struct memory {
  char name[64];
  uint64_t address;
  uint8_t *bytes;
  size_t size;
} memory_t;

typedef struct tool {
  char *text;
  ptx_module_t *module;
  memory_t memories[MOST_MEMORIES];
  uint32_t memory_count;
  char message[1024];
} tool_t;

static bool read_file(const char *path, uint8_t **out_bytes, size_t *out_size) {
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  rewind(file);
  *out_bytes = size >= 0 ? malloc((size_t)size + 1) : NULL;
  *out_size = (size_t)(size < 0 ? 0 : size);
  const bool good = *out_bytes && fread(*out_bytes, 1, *out_size, file) == *out_size;
  if (*out_bytes) (*out_bytes)[*out_size] = 0;
  return fclose(file) == 0 && good;
}

static memory_t *find_memory(tool_t *tool, const char *name) {
  for (uint32_t i = 0; i < tool->memory_count; ++i) {
    if (strcmp(tool->memories[i].name, name) == 0) return &tool->memories[i];
  }
  return NULL;
}

static bool find_address(void *user, uint64_t address, ptx_range_t *out_range) {
  const tool_t *tool = user;
  for (uint32_t i = 0; i < tool->memory_count; ++i) {
    const memory_t *memory = &tool->memories[i];
    if (address < memory->address || address - memory->address >= memory->size) continue;
    *out_range =
        (ptx_range_t){memory->address, memory->address + memory->size, memory->bytes, false};
    return true;
  }
  return false;
}

static bool do_module(tool_t *tool, const char *path, const char *capability) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  if (!path || !capability || !read_file(path, &bytes, &size)) {
    free(bytes);
    return false;
  }
  tool->text = (char *)bytes;
  tool->module = ptx_module_parse(tool->text, size, (uint32_t)strtoul(capability, NULL, 10),
                                  tool->message, sizeof tool->message);
  return tool->module != NULL;
}

static bool do_memory(tool_t *tool, const char *name, const char *path) {
  if (!name || !path || tool->memory_count == MOST_MEMORIES) return false;
  memory_t *memory = &tool->memories[tool->memory_count];
  if (!read_file(path, &memory->bytes, &memory->size)) return false;
  (void)snprintf(memory->name, sizeof memory->name, "%s", name);
  // Far from each other, and from what a pointer of this process is.
  memory->address = (tool->memory_count + UINT64_C(0xd000)) << 32;
  ++tool->memory_count;
  return true;
}

static bool put_argument(tool_t *tool, const char *word, const ptx_param_t *param,
                         uint8_t *params) {
  const memory_t *memory = find_memory(tool, word);
  char *end = NULL;
  uint64_t value = memory ? memory->address : 0;
  unsigned long size = 8;
  if (!memory) {
    size = strtoul(word, &end, 10);
    if (*end != ':') return false;
    value = strtoull(end + 1, NULL, 16);
  }
  if (size != param->size || param->offset + size > MOST_PARAMS) return false;
  memcpy(params + param->offset, &value, size);
  return true;
}

static bool do_launch(tool_t *tool, char *words) {
  uint8_t params[MOST_PARAMS] = {0};
  ptx_launch_t launch = {.params = params, .find = find_address, .user = tool};
  const ptx_kernel_t *kernel = NULL;
  const char *word = strtok(words, " ");
  if (tool->module && word) kernel = ptx_module_find(tool->module, word);
  if (!kernel) return false;
  uint32_t *const numbers[] = {&launch.grid[0],       &launch.grid[1],  &launch.grid[2],
                               &launch.block[0],      &launch.block[1], &launch.block[2],
                               &launch.dynamic_shared};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
    word = strtok(NULL, " ");
    if (!word) return false;
    *numbers[i] = (uint32_t)strtoul(word, NULL, 10);
  }
  const ptx_facts_t facts = ptx_kernel_facts(kernel);
  for (uint32_t i = 0; i < facts.param_count; ++i) {
    word = strtok(NULL, " ");
    if (!word || !put_argument(tool, word, &facts.params[i], params)) return false;
  }
  return ptx_kernel_run(kernel, &launch, tool->message, sizeof tool->message) == PTX_OK;
}

static bool do_save(tool_t *tool, const char *name, const char *path) {
  const memory_t *memory = name && path ? find_memory(tool, name) : NULL;
  FILE *file = memory ? fopen(path, "wb") : NULL;
  if (!file) return false;
  const bool good = fwrite(memory->bytes, 1, memory->size, file) == memory->size;
  return fclose(file) == 0 && good;
}

static bool do_line(tool_t *tool, char *line) {
  line[strcspn(line, "\n")] = '\0';
  char *rest = strchr(line, ' ');
  if (rest) *rest++ = '\0';
  if (strcmp(line, "launch") == 0 && rest) return do_launch(tool, rest);
  const char *first = rest ? strtok(rest, " ") : NULL;
  const char *second = first ? strtok(NULL, " ") : NULL;
  if (strcmp(line, "module") == 0) return do_module(tool, first, second);
  if (strcmp(line, "memory") == 0) return do_memory(tool, first, second);
  return strcmp(line, "save") == 0 && do_save(tool, first, second);
}

int main(void) {
  static tool_t tool;
  char line[MOST_LINE], copy[MOST_LINE];
  bool good = true;
  while (good && fgets(line, sizeof line, stdin)) {
    memcpy(copy, line, sizeof copy);
    good = do_line(&tool, line);
    if (!good)
      (void)fprintf(stderr, "%s: %s", tool.message[0] ? tool.message : "cannot be done", copy);
  }
  ptx_module_free(tool.module);
  free(tool.text);
  for (uint32_t i = 0; i < tool.memory_count; ++i)
    free(tool.memories[i].bytes);
  return good ? 0 : 1;
}
