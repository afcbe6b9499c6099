// hal_trace.c: buffer_view.trace: tensors as text, a line each, as iree-run-module prints them.
//
//   === key ===
//   2x2xf32=[1.5 2E+06][-3E-07 4]
//
// What does not fit the line is cut and ends with "...".
#include "bridge/element.h"
#include "bridge/hal_module.h"

#define LINE_SIZE 2048
#define DIGITS    6 // of a float

typedef struct line {
  char text[LINE_SIZE];
  size_t length;
  bool full;
} line_t;

static void put(line_t *line, const char *text) {
  static const char cut[] = "...";
  const size_t size = strlen(text);
  if (line->full) return;
  if (size + sizeof cut > LINE_SIZE - line->length) {
    line->full = true;
    memcpy(line->text + line->length, cut, sizeof cut - 1);
    line->length += sizeof cut - 1;
    return;
  }
  memcpy(line->text + line->length, text, size);
  line->length += size;
}

// ---- Tensors -----------------------------------------------------------------------------------

// Dimension `d` and those inside it, from element number `*at` on: rows of the innermost in
// brackets, and a bracket more for each dimension around them but the outermost.
static void put_dimension(line_t *line, const ee_hal_buffer_view_t *view, uint32_t d,
                          uint64_t *at) {
  const int64_t count = d < view->rank ? view->dims[d] : 1;
  for (int64_t i = 0; i < count && !line->full; ++i) {
    if (d + 1 < view->rank) {
      put(line, "[");
      put_dimension(line, view, d + 1, at);
      put(line, "]");
      continue;
    }
    if (i > 0) put(line, " ");
    char text[EE_BRIDGE_ELEMENT_TEXT];
    ee_bridge_element_format(text, view->element_type, view->buffer->data, (*at)++, DIGITS);
    put(line, text);
  }
}

static void put_view(line_t *line, const ee_hal_buffer_view_t *view) {
  char shape[128];
  ee_hal_shape_format(shape, sizeof shape, view->element_type, view->rank, view->dims);
  put(line, shape);
  put(line, "=");
  uint64_t bytes = 0;
  if (!view->buffer->data || ee_bridge_element_bits(view->element_type) == 0 ||
      view->encoding > EE_HAL_ENCODING_DENSE ||
      !ee_hal_shape_size(view->element_type, view->rank, view->dims, &bytes) ||
      bytes > view->buffer->size) {
    put(line, "...");
    return;
  }
  uint64_t at = 0;
  put_dimension(line, view, 0, &at);
}

static void emit(const ee_bridge_hal_state_t *state, line_t *line) {
  state->trace(state->trace_user, (ee_str_t){line->text, line->length});
  line->length = 0;
  line->full = false;
}

// key, count, view...
eerie_status_t ee_bridge_hal_view_trace(ee_vm_call_t *call) {
  const ee_bridge_hal_state_t *state = call->state;
  ee_vm_buffer_t *key = NULL;
  EE_TRY(ee_bridge_bytes(call, 0, &key));
  const uint32_t count = (uint32_t)call->arguments[1].i32;
  ee_hal_buffer_view_t *view = NULL;
  for (uint32_t i = 0; i < count; ++i)
    EE_TRY(ee_bridge_view(call, 2 + i, &view));
  if (!state->trace) return EERIE_OK;
  line_t line = {.length = 0};
  line.length =
      ee_format(line.text, sizeof line.text, "=== %.*s ===", EE_STR_ARG(ee_vm_buffer_str(key)));
  emit(state, &line);
  for (uint32_t i = 0; i < count; ++i) {
    EE_TRY(ee_bridge_view(call, 2 + i, &view));
    put_view(&line, view);
    emit(state, &line);
  }
  emit(state, &line);
  return EERIE_OK;
}
