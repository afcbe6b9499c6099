// hal_share.c: constants that are read from a module, without a copy.
//
// Compilers first ask for an import of constants (allocator.import), and read them into a buffer
// where that is not possible. A buffer made for constants that nobody has seen yet may just as well
// have the module's bytes; its own were never touched, so that a system which gives pages when they
// are touched gives none.
#include "bridge/hal_module.h"

static void release_owner(void *user, ee_hal_buffer_t *buffer) {
  (void)buffer;
  ee_object_release(user);
}

bool ee_bridge_share_constants(const ee_hal_operation_t *operation, ee_hal_fence_t *wait) {
  const ee_hal_file_t *file = operation->file;
  const ee_vm_buffer_t *bytes = ee_vm_buffer_cast(file->owner);
  ee_hal_buffer_t *buffer = operation->target.buffer;
  const bool constant = bytes && !bytes->writable && !bytes->verified &&
                        (buffer->usage & EE_HAL_USAGE_SHARING_IMMUTABLE) && !buffer->storage &&
                        !buffer->release && !buffer->device->driver->buffer_allocate;
  const bool whole = operation->target.offset == 0 && operation->target.size == buffer->size &&
                     ee_range_ok(operation->file_offset, buffer->size, file->size);
  // What comes before might write the buffer; who else has it might know where its bytes are.
  if (!constant || !whole || ee_hal_fence_query(wait, NULL) != EERIE_OK ||
      !ee_object_is_unique(&buffer->object)) {
    return false;
  }
  uint8_t *data = file->data + (size_t)operation->file_offset;
  if ((uintptr_t)data % EERIE_BUFFER_ALIGNMENT) return false;
  buffer->data = data;
  buffer->access = EE_HAL_ACCESS_READ | (bytes->private_bytes ? EE_HAL_ACCESS_KERNEL_WRITE : 0);
  buffer->release = release_owner;
  buffer->release_user = file->owner;
  ee_object_retain(file->owner);
  return true;
}
