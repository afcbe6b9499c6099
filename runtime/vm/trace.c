// trace.c: what modules print. trace_bare.c takes its place where nobody reads it.
#include "vm/internal.h"

// vm.trace and vm.print: a line with the text and the registers, and references given away. The
// bytecode does not tell the types of value registers; each prints as the i32 that it is or begins
// with.
void ee_vm_trace_line(const ee_vm_program_t *program, const uint8_t *text, const uint8_t *list,
                      const uint32_t *regs, ee_object_t **refs) {
  char line[256];
  size_t size =
      ee_format(line, sizeof line, "%.*s", (int)ee_load_u16(text), (const char *)text + 2);
  const uint32_t count = ee_load_u16(list);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t reg = ee_load_u16(list += 2);
    const size_t at = size < sizeof line ? size : sizeof line - 1;
    const char *separator = i == 0 ? ": " : ", ";
    if (reg & EE_REGISTER_REF_BIT) {
      const ee_object_t *object = refs[reg & EE_REGISTER_REF_MASK];
      size = at + ee_format(line + at, sizeof line - at, "%s%s", separator,
                            object ? object->type->name : "null");
      if (reg & EE_REGISTER_MOVE_BIT) ee_vm_put_ref(refs, reg, NULL);
    } else {
      size = at + ee_format(line + at, sizeof line - at, "%s%d", separator, (int)regs[reg]);
    }
  }
  if (size >= sizeof line) size = sizeof line - 1;
  if (program->trace) program->trace(program->trace_user, (ee_str_t){line, size});
}
