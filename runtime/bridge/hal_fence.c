// hal_fence.c: fence.*
#include "bridge/hal_module.h"

// device, flags
eerie_status_t ee_bridge_hal_fence_create(ee_vm_call_t *call) {
  ee_hal_device_t *device = NULL;
  EE_TRY(ee_bridge_device(call, 0, &device));
  return ee_hal_fence_create_pooled(device, (ee_hal_fence_t **)(void *)&call->results[0].ref,
                                    call->err);
}

// flags, count, fence... -> null when there is nothing to wait for
eerie_status_t ee_bridge_hal_fence_join(ee_vm_call_t *call) {
  enum { STACK_FENCES = 32 };
  const uint32_t count = (uint32_t)call->arguments[1].i32;
  ee_hal_fence_t *on_stack[STACK_FENCES], **fences = on_stack;
  size_t size = 0, used = 0;
  if (count > STACK_FENCES) {
    if (!ee_mul_size(count, sizeof(void *), &size)) return EE_NO_MEMORY(call->err, SIZE_MAX);
    fences = ee_heap_allocate(call->heap, size);
    if (!fences) return EE_NO_MEMORY(call->err, size);
  }
  eerie_status_t status = EERIE_OK;
  for (uint32_t i = 0; i < count && status == EERIE_OK; ++i) {
    ee_hal_fence_t *fence;
    status = ee_bridge_fence_or_null(call, 2 + i, &fence);
    if (status == EERIE_OK && ee_hal_fence_query(fence, NULL) != EERIE_OK) fences[used++] = fence;
  }
  if (status == EERIE_OK && used == 1) {
    ee_object_retain((ee_object_t *)fences[0]);
    call->results[0].ref = (ee_object_t *)fences[0];
  } else if (status == EERIE_OK && used > 1) {
    status = ee_hal_fence_join(call->heap, fences, used,
                               (ee_hal_fence_t **)(void *)&call->results[0].ref, call->err);
  }
  if (size) ee_heap_free(call->heap, fences, size);
  return status;
}

eerie_status_t ee_bridge_hal_fence_query(ee_vm_call_t *call) {
  ee_hal_fence_t *fence = NULL;
  EE_TRY(ee_bridge_fence(call, 0, &fence));
  call->results[0].i32 = (int32_t)ee_hal_fence_poll(fence, NULL);
  return EERIE_OK;
}

eerie_status_t ee_bridge_hal_fence_signal(ee_vm_call_t *call) {
  ee_hal_fence_t *fence = NULL;
  EE_TRY(ee_bridge_fence(call, 0, &fence));
  ee_hal_fence_signal(fence, EERIE_OK, NULL);
  return EERIE_OK;
}

// fence, status; codes are five bits wide in module files
eerie_status_t ee_bridge_hal_fence_fail(ee_vm_call_t *call) {
  ee_hal_fence_t *fence = NULL;
  EE_TRY(ee_bridge_fence(call, 0, &fence));
  eerie_status_t status = (eerie_status_t)(call->arguments[1].i32 & 0x1F);
  if (status == EERIE_OK) status = EERIE_UNKNOWN; // failed, the module did not say how
  eerie_error_t cause;
  (void)EE_FAIL(&cause, status, "the module failed the fence with %s", eerie_status_name(status));
  ee_hal_fence_signal(fence, status, &cause);
  return EERIE_OK;
}

// When the deadline of this await is; the program asks again after each wait, and the time must not
// start anew. One await at a time is under way in a program.
static int64_t await_deadline(ee_bridge_hal_state_t *state, const ee_hal_fence_t *fence,
                              uint32_t timeout_ms) {
  if (timeout_ms == UINT32_MAX) return INT64_MAX;
  if (state->await_fence != fence) {
    state->await_fence = fence;
    state->await_deadline_ns = ee_port_time_ns() + (int64_t)timeout_ms * 1000000;
  }
  return state->await_deadline_ns;
}

// timeout in ms, flags, count, fence... -> 0, or DEADLINE_EXCEEDED. A failed fence fails the call.
eerie_status_t ee_bridge_hal_fence_await(ee_vm_call_t *call) {
  ee_bridge_hal_state_t *state = call->state;
  const uint32_t count = (uint32_t)call->arguments[2].i32;
  ee_hal_fence_t *pending = NULL;
  for (uint32_t i = 0; i < count; ++i) {
    ee_hal_fence_t *fence;
    EE_TRY(ee_bridge_fence_or_null(call, 3 + i, &fence));
    const eerie_status_t status = ee_hal_fence_poll(fence, call->err);
    if (EE_LIKELY(status == EERIE_OK)) continue;
    if (status != EERIE_DEFERRED) {
      state->await_fence = NULL;
      return status;
    }
    if (!pending) pending = fence;
  }
  if (EE_LIKELY(!pending)) {
    state->await_fence = NULL;
    return EERIE_OK;
  }
  // The first that is pending; those after it are asked again when it is over.
  const void *key = call->arguments[3].ref;
  const int64_t deadline = await_deadline(state, key, (uint32_t)call->arguments[0].i32);
  if (deadline != INT64_MAX && ee_port_time_ns() >= deadline) {
    state->await_fence = NULL;
    call->results[0].i32 = EERIE_DEADLINE_EXCEEDED;
    return EERIE_OK;
  }
  ee_object_retain((ee_object_t *)pending);
  call->wait_object = (ee_object_t *)pending;
  call->wait_deadline_ns = deadline;
  return EERIE_DEFERRED;
}

eerie_status_t ee_bridge_wait(void *user, ee_object_t *object, int64_t deadline_ns,
                              eerie_error_t *err) {
  (void)user;
  ee_hal_fence_t *fence = ee_hal_fence_cast(object);
  if (!fence) {
    return EE_FAIL(err, EERIE_UNIMPLEMENTED, "waiting for a %s",
                   object ? object->type->name : "null reference");
  }
  return ee_hal_fence_wait(fence, deadline_ns, err);
}
