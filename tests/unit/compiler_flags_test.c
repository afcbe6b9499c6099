// Flags for the whole process: set once, before any session, and refused without ending it.
#define _GNU_SOURCE

#include "unit/compiler_support.h"

static eerie_status_t load(const char *flag, eerie_compiler_t **out, eerie_error_t *err) {
  return eerie_compiler_load(
      &(eerie_compiler_options_t){.global_flags = &flag, .global_flag_count = 1}, out, err);
}

static void are_set_once_for_the_process(void) {
  eerie_error_t err = {0};
  eerie_compiler_t *first = NULL, *second = NULL;
  CHECK_STATUS(load("--toaster", &first, &err), EERIE_INVALID_ARGUMENT);
  CHECK(first == NULL);
  CHECK_CONTAINS(err.message, "--toaster");
  CHECK_STATUS(load("--help", &first, &err), EERIE_INVALID_ARGUMENT); // would print and exit
  REQUIRE_OK(load("--iree-opt-level=O3", &first, &err));
  CHECK_OK(load("--iree-opt-level=O3", &second, &err));
  eerie_compiler_release(second);
  CHECK_STATUS(load("--iree-opt-level=O1", &second, &err), EERIE_FAILED_PRECONDITION);

  // Sessions start from them.
  eerie_compiler_session_t *session = NULL;
  texts_t *texts = calloc(1, sizeof *texts);
  REQUIRE(texts);
  REQUIRE_OK(eerie_compiler_session_create(first, &session, &err));
  CHECK_OK(eerie_compiler_session_get_flags(session, false, hear_text, texts, &err));
  CHECK_CONTAINS(texts->all, "--iree-opt-level=O3\n");
  free(texts);
  eerie_compiler_session_release(session);

  // Compiles work with them, isolated and not.
  for (int isolated = 1; isolated >= 0; --isolated) {
    eerie_compiler_output_t *output = NULL;
    CHECK_OK(
        eerie_compiler_compile(first,
                               &(eerie_compile_options_t){.source = multiply_source,
                                                          .source_size = sizeof multiply_source - 1,
                                                          .target = "host",
                                                          .isolated = isolated},
                               &output, &err));
    eerie_compiler_output_release(output);
  }
  eerie_compiler_release(first);
}

static void come_too_late_after_a_session(void) {
  eerie_error_t err = {0};
  eerie_compiler_t *late = NULL;
  CHECK_STATUS(load("--mlir-timing", &late, &err), EERIE_FAILED_PRECONDITION);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(are_set_once_for_the_process),
                                       RUN(come_too_late_after_a_session)};
  if (!open_compiler()) return 77;
  const int result = check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
  eerie_compiler_release(compiler);
  return result;
}
