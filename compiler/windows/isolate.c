// isolate.c: Windows forks no process, so the compiler works in this one, and takes it down when it
// crashes.
#include "compiler/internal.h"

const bool ee_library_has_children = false;

eerie_status_t ee_library_try(const eerie_allocator_t *allocator, int argc, const char *const *argv,
                              eerie_error_t *err) {
  (void)allocator, (void)argc, (void)argv, (void)err;
  return EERIE_OK;
}

eerie_status_t ee_compile_isolated(eerie_compiler_t *compiler,
                                   const eerie_compile_options_t *options, ee_strings_t *flags,
                                   bool quiet, eerie_compiler_output_t *output,
                                   eerie_error_t *err) {
  if (options->time_limit_ms || options->memory_limit)
    return EE_COMPILER_FAIL(
        err, EERIE_UNIMPLEMENTED,
        "limits of time and memory need a process of their own, which a compile "
        "on Windows does not have");
  eerie_compile_options_t here = *options;
  if (quiet) here.on_diagnostic = NULL;
  return ee_compile_here(compiler, &here, flags, quiet ? NULL : options->reproducer_path, output,
                         err);
}
