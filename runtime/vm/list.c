// list.c: growable lists of values and references.
//
// Elements are 16 bytes whatever they hold: lists carry a handful of shapes or tensors, not data.
// A list that contains itself could never be freed by counting references, so instructions refuse
// to make one (ee_vm_list_check_acyclic), and freeing a long chain of lists does not recurse.
#include "vm/internal.h"

#define LIST_MAX_COUNT 0x7FFFFFFFu

// Bounds of the search for cycles: nesting of any use stays far below.
#define LIST_MAX_NESTING  32
#define LIST_MAX_SEARCHED 1000000u

static const char *value_type_name(ee_vm_value_type_t type) {
  static const char names[][8] = {"none", "i8", "i16", "i32", "i64", "f32", "f64", "ref"};
  return names[type];
}

// ---- Life --------------------------------------------------------------------------------------

static void list_destroy(ee_object_t *object) {
  ee_vm_list_t *list = (ee_vm_list_t *)(void *)object;
  list->next_to_free = NULL;
  while (list) {
    ee_vm_list_t *next = list->next_to_free;
    for (size_t i = 0; i < list->count; ++i) {
      if (list->items[i].type != EE_VM_VALUE_REF) continue;
      ee_object_t *element = list->items[i].value.ref;
      ee_vm_list_t *inner = ee_vm_list_cast(element);
      // Ours alone: nobody else can get at it any more, so it waits for its turn in the loop.
      if (inner && ee_object_is_unique(element)) {
        inner->next_to_free = next;
        next = inner;
      } else {
        ee_object_release(element);
      }
    }
    ee_heap_free(list->heap, list->items, list->capacity * sizeof *list->items);
    ee_heap_free(list->heap, list, sizeof *list);
    list = next;
  }
}

const ee_object_type_t ee_vm_list_type = {"vm.list", list_destroy};

eerie_status_t ee_vm_list_create(ee_heap_t *heap, ee_vm_value_type_t element_type,
                                 const ee_object_type_t *ref_type, size_t capacity,
                                 ee_vm_list_t **out_list, eerie_error_t *err) {
  *out_list = NULL;
  ee_vm_list_t *list = ee_heap_allocate_zeroed(heap, sizeof *list);
  if (!list) return EE_NO_MEMORY(err, sizeof *list);
  ee_object_initialize(&list->object, &ee_vm_list_type);
  list->heap = heap;
  list->element_type = element_type;
  list->ref_type = ref_type;
  const eerie_status_t status = ee_vm_list_reserve(list, capacity, err);
  if (status != EERIE_OK) {
    ee_object_release(&list->object);
    return status;
  }
  *out_list = list;
  return EERIE_OK;
}

eerie_status_t ee_vm_list_reserve(ee_vm_list_t *list, size_t capacity, eerie_error_t *err) {
  if (capacity <= list->capacity) return EERIE_OK;
  if (capacity > LIST_MAX_COUNT) {
    return EE_FAIL(err, EERIE_OUT_OF_RANGE, "list of %zu elements: the most is %u", capacity,
                   LIST_MAX_COUNT);
  }
  size_t size;
  if (!ee_mul_size(capacity, sizeof *list->items, &size)) return EE_NO_MEMORY(err, SIZE_MAX);
  ee_vm_variant_t *items =
      ee_heap_resize(list->heap, list->items, list->capacity * sizeof *items, size);
  if (!items) return EE_NO_MEMORY(err, size);
  list->items = items;
  list->capacity = capacity;
  return EERIE_OK;
}

eerie_status_t ee_vm_list_resize(ee_vm_list_t *list, size_t count, eerie_error_t *err) {
  if (count > list->capacity) {
    // Doubling makes appending one by one linear.
    size_t capacity = list->capacity < LIST_MAX_COUNT / 2 ? list->capacity * 2 : LIST_MAX_COUNT;
    if (capacity < count) capacity = count;
    EE_TRY(ee_vm_list_reserve(list, capacity, err));
  }
  while (list->count > count) {
    const ee_vm_variant_t *item = &list->items[--list->count];
    if (item->type == EE_VM_VALUE_REF) ee_object_release(item->value.ref);
  }
  for (; list->count < count; ++list->count)
    list->items[list->count] = (ee_vm_variant_t){.value = {.i64 = 0}, .type = list->element_type};
  return EERIE_OK;
}

// ---- Elements ----------------------------------------------------------------------------------

static EE_COLD eerie_status_t bad_index(const ee_vm_list_t *list, size_t index,
                                        eerie_error_t *err) {
  (void)list, (void)index;
  return EE_FAIL(err, EERIE_OUT_OF_RANGE, "index %zu is outside of a list of %zu elements", index,
                 list->count);
}

// Integers convert to integers by sign extension and truncation, floats to floats by rounding;
// that is what IREE's lists do. It makes zero of an integer read as float: here that is refused.
static bool convert_value(ee_vm_value_t value, ee_vm_value_type_t from, ee_vm_value_type_t to,
                          ee_vm_value_t *out_value) {
  int64_t integer = from == EE_VM_VALUE_I64 ? value.i64 : value.i32;
  out_value->i64 = 0;
  if (from >= EE_VM_VALUE_I8 && from <= EE_VM_VALUE_I64) {
    switch (to) {
    case EE_VM_VALUE_I8: out_value->i32 = (int8_t)integer; return true;
    case EE_VM_VALUE_I16: out_value->i32 = (int16_t)integer; return true;
    case EE_VM_VALUE_I32: out_value->i32 = (int32_t)integer; return true;
    case EE_VM_VALUE_I64: out_value->i64 = integer; return true;
    default: return false;
    }
  }
  if (from == to && (from == EE_VM_VALUE_F32 || from == EE_VM_VALUE_F64)) {
    *out_value = value;
    return true;
  }
#if EERIE_VM_F64 // without it nothing drags in the arithmetic of doubles
  if (from == EE_VM_VALUE_F32 && to == EE_VM_VALUE_F64) {
    out_value->f64 = (double)value.f32;
    return true;
  }
  if (from == EE_VM_VALUE_F64 && to == EE_VM_VALUE_F32) {
    out_value->f32 = (float)value.f64;
    return true;
  }
#endif
  return false;
}

static EE_COLD eerie_status_t bad_type(size_t index, ee_vm_value_type_t held,
                                       ee_vm_value_type_t wanted, eerie_error_t *err) {
  (void)index, (void)value_type_name(held), (void)wanted;
  return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "list element %zu is %s, used as %s", index,
                 value_type_name(held), value_type_name(wanted));
}

eerie_status_t ee_vm_list_get(const ee_vm_list_t *list, size_t index, ee_vm_value_type_t type,
                              ee_vm_value_t *out_value, eerie_error_t *err) {
  *out_value = (ee_vm_value_t){.i64 = 0};
  if (index >= list->count) return bad_index(list, index, err);
  const ee_vm_variant_t *item = &list->items[index];
  if (type == EE_VM_VALUE_REF) {
    // An element never set reads as a null reference.
    if (item->type != EE_VM_VALUE_REF && item->type != EE_VM_VALUE_NONE)
      return bad_type(index, item->type, type, err);
    out_value->ref = item->type == EE_VM_VALUE_REF ? item->value.ref : NULL;
    return EERIE_OK;
  }
  if (!convert_value(item->value, item->type, type, out_value))
    return bad_type(index, item->type, type, err);
  return EERIE_OK;
}

eerie_status_t ee_vm_list_set(ee_vm_list_t *list, size_t index, ee_vm_value_type_t type,
                              ee_vm_value_t value, eerie_error_t *err) {
  if (index >= list->count) return bad_index(list, index, err);
  const ee_vm_value_type_t element_type =
      list->element_type == EE_VM_VALUE_NONE ? type : list->element_type;
  ee_vm_variant_t *item = &list->items[index];
  ee_vm_value_t stored = value;
  if (type == EE_VM_VALUE_REF) {
    if (element_type != EE_VM_VALUE_REF) return bad_type(index, element_type, type, err);
    if (list->ref_type && value.ref && value.ref->type != list->ref_type)
      return ee_vm_bad_object(value.ref, list->ref_type->name, err);
    ee_object_retain(value.ref);
  } else if (!convert_value(value, type, element_type, &stored)) {
    return bad_type(index, element_type, type, err);
  }
  ee_object_t *old = item->type == EE_VM_VALUE_REF ? item->value.ref : NULL;
  *item = (ee_vm_variant_t){.value = stored, .type = element_type};
  ee_object_release(old);
  return EERIE_OK;
}

// ---- Cycles ------------------------------------------------------------------------------------

// Looks for `wanted` among all that `list` contains. The recursion ends at LIST_MAX_NESTING.
static eerie_status_t search_list(const ee_vm_list_t *list, const ee_vm_list_t *wanted, int depth,
                                  uint32_t *budget, eerie_error_t *err) {
  if (list == wanted)
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "a list must not contain itself");
  if (depth == LIST_MAX_NESTING || list->count > *budget) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                   "lists in lists beyond the limits of %d levels, %u elements", LIST_MAX_NESTING,
                   LIST_MAX_SEARCHED);
  }
  if (list->element_type != EE_VM_VALUE_NONE && list->element_type != EE_VM_VALUE_REF)
    return EERIE_OK;
  *budget -= (uint32_t)list->count;
  for (size_t i = 0; i < list->count; ++i) {
    if (list->items[i].type != EE_VM_VALUE_REF) continue;
    const ee_vm_list_t *inner = ee_vm_list_cast(list->items[i].value.ref);
    if (inner) EE_TRY(search_list(inner, wanted, depth + 1, budget, err));
  }
  return EERIE_OK;
}

eerie_status_t ee_vm_list_check_acyclic(const ee_vm_list_t *list, const ee_object_t *value,
                                        eerie_error_t *err) {
  if (!value || value->type != &ee_vm_list_type) return EERIE_OK;
  uint32_t budget = LIST_MAX_SEARCHED;
  return search_list((const ee_vm_list_t *)(const void *)value, list, 0, &budget, err);
}
