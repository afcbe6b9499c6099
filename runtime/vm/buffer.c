// buffer.c: host bytes behind a reference, and what buffer instructions do with them.
//
// Every range is checked here in 64 bits, whatever the width of size_t.
#include "vm/internal.h"

// Where the bytes of a buffer begin when they share its block: what a vector load may expect.
#define BUFFER_DATA_ALIGNMENT 16u
#define BUFFER_MAX_ALIGNMENT  4096u

static void buffer_destroy(ee_object_t *object) {
  ee_vm_buffer_t *buffer = (ee_vm_buffer_t *)(void *)object;
  ee_object_t *owner = buffer->owner;
  // Size 0: one of a block that `owner` stands for, see ee_vm_rodata_create.
  if (buffer->allocation_size != 0) ee_heap_free(buffer->heap, buffer, buffer->allocation_size);
  ee_object_release(owner);
}

const ee_object_type_t ee_vm_buffer_type = {"vm.buffer", buffer_destroy};

eerie_status_t ee_vm_buffer_create(ee_heap_t *heap, size_t size, size_t alignment,
                                   ee_vm_buffer_t **out_buffer, eerie_error_t *err) {
  *out_buffer = NULL;
  if (alignment < BUFFER_DATA_ALIGNMENT && (alignment & (alignment - 1)) == 0)
    alignment = BUFFER_DATA_ALIGNMENT;
  if (alignment > BUFFER_MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "buffer alignment %zu: expected 0 or a power of two up to %u", alignment,
                   BUFFER_MAX_ALIGNMENT);
  }
  size_t total;
  if (!ee_add_size(sizeof(ee_vm_buffer_t) + alignment - 1, size, &total))
    return EE_NO_MEMORY(err, size);
  ee_vm_buffer_t *buffer = ee_heap_allocate_zeroed(heap, total);
  if (!buffer) return EE_NO_MEMORY(err, total);
  ee_object_initialize(&buffer->object, &ee_vm_buffer_type);
  buffer->heap = heap;
  buffer->data =
      (uint8_t *)(((uintptr_t)(buffer + 1) + alignment - 1) & ~(uintptr_t)(alignment - 1));
  buffer->size = size;
  buffer->allocation_size = total;
  buffer->writable = true;
  *out_buffer = buffer;
  return EERIE_OK;
}

eerie_status_t ee_vm_buffer_wrap(ee_heap_t *heap, uint8_t *data, size_t size, bool writable,
                                 ee_object_t *owner, ee_vm_buffer_t **out_buffer,
                                 eerie_error_t *err) {
  *out_buffer = NULL;
  ee_vm_buffer_t *buffer = ee_heap_allocate_zeroed(heap, sizeof *buffer);
  if (!buffer) return EE_NO_MEMORY(err, sizeof *buffer);
  ee_object_initialize(&buffer->object, &ee_vm_buffer_type);
  buffer->heap = heap;
  buffer->data = data;
  buffer->size = size;
  buffer->allocation_size = sizeof *buffer;
  buffer->owner = owner;
  buffer->writable = writable;
  ee_object_retain(owner);
  *out_buffer = buffer;
  return EERIE_OK;
}

// ---- Read-only data of a module ----------------------------------------------------------------

// Each buffer that is still referenced holds one reference to the block.
typedef struct rodata_block {
  ee_object_t object;
  ee_heap_t *heap;
  ee_module_t *module;
  size_t allocation_size;
  ee_vm_buffer_t buffers[];
} rodata_block_t;

static void rodata_block_destroy(ee_object_t *object) {
  rodata_block_t *block = (rodata_block_t *)(void *)object;
  ee_module_t *module = block->module;
  ee_heap_free(block->heap, block, block->allocation_size);
  ee_module_release(module);
}

static const ee_object_type_t rodata_block_type = {"vm.rodata", rodata_block_destroy};

static bool overlap(ee_bytes_t a, ee_bytes_t b) {
  return a.size && b.size && a.data < b.data + b.size && b.data < a.data + a.size;
}

eerie_status_t ee_vm_rodata_create(ee_heap_t *heap, ee_module_t *module,
                                   ee_vm_buffer_t **out_buffers, eerie_error_t *err) {
  *out_buffers = NULL;
  const uint32_t count = module->rodata_count;
  if (count == 0) return EERIE_OK;
  size_t size;
  if (!ee_mul_size(count, sizeof(ee_vm_buffer_t), &size) ||
      !ee_add_size(size, sizeof(rodata_block_t), &size))
    return EE_NO_MEMORY(err, SIZE_MAX);
  rodata_block_t *block = ee_heap_allocate_zeroed(heap, size);
  if (!block) return EE_NO_MEMORY(err, size);
  ee_object_initialize(&block->object, &rodata_block_type);
  block->heap = heap;
  block->allocation_size = size;
  block->module = module;
  ee_module_retain(module);
  for (uint32_t i = 0; i < count; ++i) {
    ee_vm_buffer_t *buffer = &block->buffers[i];
    ee_object_initialize(&buffer->object, &ee_vm_buffer_type);
    buffer->heap = heap;
    // Never written: `writable` is false.
    buffer->data = (uint8_t *)(uintptr_t)module->rodata[i].bytes.data;
    buffer->size = module->rodata[i].bytes.size;
    // What was verified must stay as it is.
    buffer->verified = overlap(module->rodata[i].bytes, module->structure);
    buffer->private_bytes = module->private_bytes && !buffer->verified;
    buffer->owner = &block->object;
    if (i != 0) ee_object_retain(&block->object);
  }
  *out_buffers = block->buffers;
  return EERIE_OK;
}

void ee_vm_rodata_release(ee_vm_buffer_t *buffers, uint32_t count) {
  if (!buffers) return;
  for (uint32_t i = 0; i < count; ++i)
    ee_object_release(&buffers[i].object);
}

// ---- Instructions ------------------------------------------------------------------------------

EE_COLD eerie_status_t ee_vm_bad_object(ee_object_t *object, const char *expected,
                                        eerie_error_t *err) {
  (void)object, (void)expected; // unused without messages
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "expected a %s, got %s", expected,
                 object ? object->type->name : "null");
}

EE_COLD eerie_status_t ee_vm_bad_range(const ee_vm_buffer_t *buffer, uint64_t offset,
                                       uint64_t length, unsigned shift, eerie_error_t *err) {
  (void)buffer, (void)offset, (void)length, (void)shift;
  return EE_FAIL(err, EERIE_OUT_OF_RANGE,
                 "offset %lld, length %lld (in elements of %u bytes) is outside of a buffer of %zu "
                 "bytes",
                 (long long)offset, (long long)length, 1u << shift, buffer->size);
}

EE_COLD eerie_status_t ee_vm_bad_write(const ee_vm_buffer_t *buffer, eerie_error_t *err) {
  (void)buffer;
  return EE_FAIL(err, EERIE_PERMISSION_DENIED, "write to a read-only buffer of %zu bytes",
                 buffer->size);
}

// The buffer in `object`, with [offset, offset + length) known to lie in it.
static eerie_status_t check_range(ee_object_t *object, uint64_t offset, uint64_t length,
                                  unsigned shift, bool write, ee_vm_buffer_t **out_buffer,
                                  eerie_error_t *err) {
  ee_vm_buffer_t *buffer = *out_buffer = ee_vm_buffer_cast(object);
  if (!buffer) return ee_vm_bad_object(object, "vm.buffer", err);
  if (write && !buffer->writable) return ee_vm_bad_write(buffer, err);
  if (!ee_range_ok(offset, length, buffer->size >> shift))
    return ee_vm_bad_range(buffer, offset, length, shift, err);
  return EERIE_OK;
}

eerie_status_t ee_vm_buffer_op_fill(ee_object_t *target, uint64_t offset, uint64_t length,
                                    unsigned shift, uint64_t value, eerie_error_t *err) {
  ee_vm_buffer_t *buffer;
  EE_TRY(check_range(target, offset, length, shift, true, &buffer, err));
  if (length == 0) return EERIE_OK;
  uint8_t *data = buffer->data + ((size_t)offset << shift);
  const size_t size = (size_t)length << shift;
  // What is filled so far is the source of the next copy, which so doubles in size.
  size_t done = (size_t)1 << shift;
  memcpy(data, &value, done);
  while (done < size) {
    const size_t step = done < size - done ? done : size - done;
    memcpy(data + done, data, step);
    done += step;
  }
  return EERIE_OK;
}

eerie_status_t ee_vm_buffer_op_copy(ee_object_t *source, uint64_t source_offset,
                                    ee_object_t *target, uint64_t target_offset, uint64_t length,
                                    eerie_error_t *err) {
  ee_vm_buffer_t *from, *to;
  EE_TRY(check_range(source, source_offset, length, 0, false, &from, err));
  EE_TRY(check_range(target, target_offset, length, 0, true, &to, err));
  if (length != 0) memmove(to->data + target_offset, from->data + source_offset, (size_t)length);
  return EERIE_OK;
}

eerie_status_t ee_vm_buffer_op_compare(ee_object_t *a, uint64_t a_offset, ee_object_t *b,
                                       uint64_t b_offset, uint64_t length, uint32_t *out_equal,
                                       eerie_error_t *err) {
  ee_vm_buffer_t *left, *right;
  EE_TRY(check_range(a, a_offset, length, 0, false, &left, err));
  EE_TRY(check_range(b, b_offset, length, 0, false, &right, err));
  *out_equal =
      length == 0 || memcmp(left->data + a_offset, right->data + b_offset, (size_t)length) == 0;
  return EERIE_OK;
}

eerie_status_t ee_vm_buffer_op_alloc(ee_heap_t *heap, uint64_t length, uint32_t alignment,
                                     ee_object_t **out_buffer, eerie_error_t *err) {
  *out_buffer = NULL;
  if (length > PTRDIFF_MAX) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "buffer length %lld is negative or too large",
                   (long long)length);
  }
  ee_vm_buffer_t *buffer;
  EE_TRY(ee_vm_buffer_create(heap, (size_t)length, alignment, &buffer, err));
  *out_buffer = &buffer->object;
  return EERIE_OK;
}

eerie_status_t ee_vm_buffer_op_clone(ee_heap_t *heap, ee_object_t *source, uint64_t offset,
                                     uint64_t length, uint32_t alignment, ee_object_t **out_buffer,
                                     eerie_error_t *err) {
  *out_buffer = NULL;
  ee_vm_buffer_t *from, *clone;
  EE_TRY(check_range(source, offset, length, 0, false, &from, err));
  EE_TRY(ee_vm_buffer_create(heap, (size_t)length, alignment, &clone, err));
  if (length != 0) memcpy(clone->data, from->data + offset, (size_t)length);
  *out_buffer = &clone->object;
  return EERIE_OK;
}

// SipHash-2-4 (Aumasson and Bernstein, 2012) with the key bytes 00 01 ... 0f, which is what IREE's
// runtime computes for vm.buffer.hash: modules may have its values baked in.
typedef struct sip_state {
  uint64_t v0, v1, v2, v3;
} sip_state_t;

static inline uint64_t rotate_left64(uint64_t value, unsigned bits) {
  return value << bits | value >> (64 - bits);
}

static void sip_rounds(sip_state_t *s, int count) {
  while (count-- > 0) {
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left64(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left64(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left64(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left64(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left64(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left64(s->v2, 32);
  }
}

static void sip_word(sip_state_t *s, uint64_t word) {
  s->v3 ^= word;
  sip_rounds(s, 2);
  s->v0 ^= word;
}

eerie_status_t ee_vm_buffer_op_hash(ee_object_t *source, uint64_t offset, uint64_t length,
                                    uint64_t *out_hash, eerie_error_t *err) {
  ee_vm_buffer_t *buffer;
  EE_TRY(check_range(source, offset, length, 0, false, &buffer, err));
  const uint64_t key0 = 0x0706050403020100u, key1 = 0x0f0e0d0c0b0a0908u;
  sip_state_t state = {
      key0 ^ 0x736f6d6570736575u,
      key1 ^ 0x646f72616e646f6du,
      key0 ^ 0x6c7967656e657261u,
      key1 ^ 0x7465646279746573u,
  };
  // An empty buffer may have no bytes to point at.
  static const uint8_t nothing[1];
  const uint8_t *data = buffer->data ? buffer->data + offset : nothing;
  const size_t tail = (size_t)length & 7u;
  const uint8_t *end = data + (size_t)length - tail;
  for (; data != end; data += 8)
    sip_word(&state, ee_load_u64(data));
  uint64_t last = length << 56;
  memcpy(&last, data, tail); // the length stays in the top byte, as tail < 8
  sip_word(&state, last);
  state.v2 ^= 0xFF;
  sip_rounds(&state, 4);
  *out_hash = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
  return EERIE_OK;
}
