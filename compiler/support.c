// support.c: errors, memory, strings and file descriptors for the compiler binding.
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

eerie_status_t ee_compiler_fail(eerie_error_t *err, eerie_status_t status, const char *file,
                                int line, const char *format, ...) {
  if (!err) return status;
  // The text may quote the record that it goes into.
  char message[EERIE_ERROR_MESSAGE_SIZE] = "";
#if EERIE_MESSAGES
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
#else
  (void)format;
#endif
  // One line, whatever a file or the compiler put into it.
  for (char *c = message; *c; ++c)
    if ((unsigned char)*c < 0x20) *c = ' ';
  err->code = status;
  err->file = file;
  err->line = line;
  memcpy(err->message, message, sizeof message);
  return status;
}

eerie_status_t ee_compiler_errno_status(int error) {
  switch (error) {
  case ENOENT:
  case ENOTDIR: return EERIE_NOT_FOUND;
  case ENOMEM:
  case ENOSPC:
#ifdef EDQUOT // no quotas, no such error
  case EDQUOT:
#endif
  case EMFILE:
  case ENFILE:
  case EFBIG:
  case EAGAIN: return EERIE_RESOURCE_EXHAUSTED;
  default: return EERIE_PERMISSION_DENIED;
  }
}

void *ee_compiler_resize(const eerie_allocator_t *allocator, void *pointer, size_t old_size,
                         size_t new_size) {
  if (allocator->reallocate)
    return allocator->reallocate(allocator->user, pointer, old_size, new_size);
  if (new_size) return realloc(pointer, new_size);
  free(pointer);
  return NULL;
}

bool ee_strings_add(ee_strings_t *strings, const char *text) {
  if (strings->count + 1 >= strings->capacity) {
    const size_t capacity = strings->capacity ? strings->capacity * 2 : 16;
    if (capacity > SIZE_MAX / sizeof(char *)) return false;
    char **items =
        ee_compiler_resize(strings->allocator, strings->items, strings->capacity * sizeof(char *),
                           capacity * sizeof(char *));
    if (!items) return false;
    strings->items = items;
    strings->capacity = capacity;
  }
  const size_t size = strlen(text) + 1;
  char *copy = ee_compiler_resize(strings->allocator, NULL, 0, size);
  if (!copy) return false;
  memcpy(copy, text, size);
  strings->items[strings->count++] = copy;
  strings->items[strings->count] = NULL;
  return true;
}

void ee_strings_free(ee_strings_t *strings) {
  for (size_t i = 0; i < strings->count; ++i)
    ee_compiler_resize(strings->allocator, strings->items[i], strlen(strings->items[i]) + 1, 0);
  if (strings->items)
    ee_compiler_resize(strings->allocator, strings->items, strings->capacity * sizeof(char *), 0);
  strings->items = NULL;
  strings->count = strings->capacity = 0;
}

void ee_block_free(const eerie_allocator_t *allocator, ee_block_t *block) {
  if (block->data) ee_compiler_resize(allocator, block->data, block->capacity, 0);
  *block = (ee_block_t){0};
}

static bool block_grow(const eerie_allocator_t *allocator, ee_block_t *block) {
  const size_t wanted = block->capacity ? block->capacity * 2 : 65536;
  if (wanted <= block->capacity) return false;
  char *grown = ee_compiler_resize(allocator, block->data, block->capacity, wanted);
  if (!grown) return false;
  block->data = grown;
  block->capacity = wanted;
  return true;
}

// Systems count the bytes of a transfer in 32 bits, or take fewer than they are given.
static unsigned support_part(size_t size) {
  return size < (1u << 30) ? (unsigned)size : 1u << 30;
}

eerie_status_t ee_compiler_read_all(const eerie_allocator_t *allocator, int fd, const char *name,
                                    ee_block_t *out_block, eerie_error_t *err) {
  ee_block_t block = {0};
  eerie_status_t status = EERIE_OK;
  for (;;) {
    if (block.size == block.capacity && !block_grow(allocator, &block)) {
      status = EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory to read %s", name);
      break;
    }
    const ssize_t got =
        read(fd, block.data + block.size, support_part(block.capacity - block.size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      status = EE_COMPILER_FAIL(err, ee_compiler_errno_status(errno), "cannot read %s: %s", name,
                                strerror(errno));
    if (got <= 0) break;
    block.size += (size_t)got;
  }
  if (status) ee_block_free(allocator, &block);
  *out_block = block;
  return status;
}

bool ee_compiler_write_all(int fd, const void *data, size_t size) {
  const char *bytes = data;
  while (size) {
    const ssize_t done = write(fd, bytes, support_part(size));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    size -= (size_t)done;
  }
  return true;
}

uint64_t ee_compiler_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
