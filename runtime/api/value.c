// value.c: arguments and results of any kind, host bytes, lists, fences.
#include "api/api.h"

eerie_value_t ee_api_value_from_object(ee_object_t *object) {
  eerie_value_t value = {.kind = EERIE_KIND_NONE};
  if (!object) return value;
  value.as.other = object;
  if (object->type == &ee_hal_buffer_view_type) {
    value.kind = EERIE_KIND_TENSOR;
  } else if (object->type == &ee_vm_buffer_type) {
    value.kind = EERIE_KIND_BUFFER;
  } else if (object->type == &ee_vm_list_type) {
    value.kind = EERIE_KIND_LIST;
  } else if (object->type == &ee_hal_fence_type) {
    value.kind = EERIE_KIND_FENCE;
  } else {
    value.kind = EERIE_KIND_OTHER;
  }
  return value;
}

ee_object_t *ee_api_value_object(const eerie_value_t *value) {
  switch (value->kind) {
  case EERIE_KIND_TENSOR:
  case EERIE_KIND_BUFFER:
  case EERIE_KIND_LIST:
  case EERIE_KIND_FENCE:
  case EERIE_KIND_OTHER: return value->as.other;
  default: return NULL;
  }
}

void eerie_value_retain(const eerie_value_t *value) {
  if (value) ee_object_retain(ee_api_value_object(value));
}

void eerie_value_release(eerie_value_t *value) {
  if (!value) return;
  ee_object_release(ee_api_value_object(value));
  *value = (eerie_value_t){.kind = EERIE_KIND_NONE};
}

const char *eerie_value_type_name(const eerie_value_t *value) {
  const ee_object_t *object = ee_api_value_object(value);
  return object ? object->type->name : "";
}

const void *eerie_value_bytes(const eerie_value_t *value, uint64_t *out_size) {
  ee_object_t *object = ee_api_value_object(value);
  const ee_hal_buffer_t *buffer = ee_hal_buffer_cast(object);
  const void *data = buffer ? buffer->data : NULL;
  *out_size = data ? buffer->size : 0;
  if (value->kind == EERIE_KIND_TENSOR) {
    data = eerie_tensor_data(value->as.tensor);
    *out_size = data ? eerie_tensor_size(value->as.tensor) : 0;
  } else if (value->kind == EERIE_KIND_BUFFER) {
    data = eerie_buffer_data(value->as.buffer);
    *out_size = eerie_buffer_size(value->as.buffer);
  }
  return data;
}

// ---- Host bytes --------------------------------------------------------------------------------

eerie_status_t eerie_buffer_create(eerie_instance_t *instance, const void *data, size_t size,
                                   eerie_buffer_t **out_buffer, eerie_error_t *err) {
  *out_buffer = NULL;
  ee_vm_buffer_t *buffer = NULL;
  EE_TRY(ee_vm_buffer_create(&instance->heap, size, 0, &buffer, err));
  if (data && size) memcpy(buffer->data, data, size);
  *out_buffer = (eerie_buffer_t *)buffer;
  return EERIE_OK;
}

void eerie_buffer_retain(eerie_buffer_t *buffer) {
  ee_object_retain((ee_object_t *)buffer);
}

void eerie_buffer_release(eerie_buffer_t *buffer) {
  ee_object_release((ee_object_t *)buffer);
}

const void *eerie_buffer_data(const eerie_buffer_t *buffer) {
  return ee_api_buffer(buffer)->data;
}

size_t eerie_buffer_size(const eerie_buffer_t *buffer) {
  return ee_api_buffer(buffer)->size;
}

// ---- Lists -------------------------------------------------------------------------------------

eerie_status_t eerie_list_create(eerie_instance_t *instance, size_t count, eerie_list_t **out_list,
                                 eerie_error_t *err) {
  *out_list = NULL;
  ee_vm_list_t *list = NULL;
  EE_TRY(ee_vm_list_create(&instance->heap, EE_VM_VALUE_NONE, NULL, count, &list, err));
  const eerie_status_t status = ee_vm_list_resize(list, count, err);
  if (status != EERIE_OK) {
    ee_object_release(&list->object);
    return status;
  }
  *out_list = (eerie_list_t *)list;
  return EERIE_OK;
}

void eerie_list_retain(eerie_list_t *list) {
  ee_object_retain((ee_object_t *)list);
}

void eerie_list_release(eerie_list_t *list) {
  ee_object_release((ee_object_t *)list);
}

size_t eerie_list_count(const eerie_list_t *list) {
  return ee_api_list(list)->count;
}

static eerie_status_t check_index(const ee_vm_list_t *list, size_t index, eerie_error_t *err) {
  if (index < list->count) return EERIE_OK;
  return EE_FAIL(err, EERIE_OUT_OF_RANGE, "index %zu of a list of %zu", index, list->count);
}

eerie_status_t eerie_list_get(const eerie_list_t *handle, size_t index, eerie_value_t *out_value,
                              eerie_error_t *err) {
  *out_value = (eerie_value_t){.kind = EERIE_KIND_NONE};
  const ee_vm_list_t *list = ee_api_list(handle);
  EE_TRY(check_index(list, index, err));
  const ee_vm_variant_t *item = &list->items[index];
  switch (item->type) {
  case EE_VM_VALUE_NONE: break;
  case EE_VM_VALUE_I8:
  case EE_VM_VALUE_I16:
  case EE_VM_VALUE_I32:
    out_value->kind = EERIE_KIND_I32;
    out_value->as.i32 = item->value.i32;
    break;
  case EE_VM_VALUE_I64:
    out_value->kind = EERIE_KIND_I64;
    out_value->as.i64 = item->value.i64;
    break;
  case EE_VM_VALUE_F32:
    out_value->kind = EERIE_KIND_F32;
    out_value->as.f32 = item->value.f32;
    break;
  case EE_VM_VALUE_F64:
    out_value->kind = EERIE_KIND_F64;
    out_value->as.f64 = item->value.f64;
    break;
  case EE_VM_VALUE_REF:
    ee_object_retain(item->value.ref);
    *out_value = ee_api_value_from_object(item->value.ref);
    break;
  }
  return EERIE_OK;
}

eerie_status_t eerie_list_set(eerie_list_t *handle, size_t index, eerie_value_t value,
                              eerie_error_t *err) {
  ee_vm_list_t *list = ee_api_list(handle);
  EE_TRY(check_index(list, index, err));
  ee_vm_value_t item = {.i64 = 0};
  ee_vm_value_type_t type = EE_VM_VALUE_REF;
  switch (value.kind) {
  case EERIE_KIND_I32:
    type = EE_VM_VALUE_I32;
    item.i32 = value.as.i32;
    break;
  case EERIE_KIND_I64:
    type = EE_VM_VALUE_I64;
    item.i64 = value.as.i64;
    break;
  case EERIE_KIND_F32:
    type = EE_VM_VALUE_F32;
    item.f32 = value.as.f32;
    break;
  case EERIE_KIND_F64:
    type = EE_VM_VALUE_F64;
    item.f64 = value.as.f64;
    break;
  default: item.ref = ee_api_value_object(&value); break;
  }
  if (type == EE_VM_VALUE_REF) EE_TRY(ee_vm_list_check_acyclic(list, item.ref, err));
  return ee_vm_list_set(list, index, type, item, err);
}

// ---- Fences ------------------------------------------------------------------------------------

eerie_status_t eerie_fence_create(eerie_instance_t *instance, eerie_fence_t **out_fence,
                                  eerie_error_t *err) {
  *out_fence = NULL;
  ee_hal_fence_t *fence = NULL;
  EE_TRY(ee_hal_fence_create(&instance->heap, &fence, err));
  *out_fence = (eerie_fence_t *)fence;
  return EERIE_OK;
}

void eerie_fence_retain(eerie_fence_t *fence) {
  ee_object_retain((ee_object_t *)fence);
}

void eerie_fence_release(eerie_fence_t *fence) {
  ee_object_release((ee_object_t *)fence);
}

void eerie_fence_signal(eerie_fence_t *fence, eerie_status_t status) {
  ee_hal_fence_signal(ee_api_fence(fence), status, NULL);
}

eerie_status_t eerie_fence_query(eerie_fence_t *fence, eerie_error_t *err) {
  return ee_hal_fence_poll(ee_api_fence(fence), err);
}

eerie_status_t eerie_fence_wait(eerie_fence_t *fence, int64_t timeout_ns, eerie_error_t *err) {
  int64_t deadline = INT64_MAX;
  const int64_t now = timeout_ns < 0 ? 0 : ee_port_time_ns();
  if (timeout_ns >= 0 && timeout_ns < INT64_MAX - now) deadline = now + timeout_ns;
  return ee_hal_fence_wait(ee_api_fence(fence), deadline, err);
}
