// Isolated compiles: what a compiler that dies, hangs or eats memory comes back as.
#define _GNU_SOURCE

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "unit/compiler_support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

static heard_t heard;
static eerie_error_t err;
static eerie_compiler_output_t *output;

static eerie_status_t compile(eerie_compile_options_t options) {
  memset(&heard, 0, sizeof heard);
  memset(&err, 0, sizeof err);
  output = NULL;
  if (!options.source) {
    options.source = multiply_source;
    options.source_size = sizeof multiply_source - 1;
    options.source_name = "mul.mlir";
  }
  options.isolated = true;
  options.on_diagnostic = hear_diagnostic;
  options.on_output = hear_output;
  options.user = &heard;
  const eerie_status_t status = eerie_compiler_compile(compiler, &options, &output, &err);
  CHECK((status == EERIE_OK) == (output != NULL));
  CHECK_EQ_INT(err.code, status);
  return status;
}

static void makes_the_same_module(void) {
  CHECK_OK(compile((eerie_compile_options_t){.target = "host"}));
  REQUIRE(output);
  eerie_compiler_output_t *isolated = output, *here = NULL;
  CHECK_OK(
      eerie_compiler_compile(compiler,
                             &(eerie_compile_options_t){.source = multiply_source,
                                                        .source_size = sizeof multiply_source - 1,
                                                        .source_name = "mul.mlir",
                                                        .target = "host"},
                             &here, &err));
  REQUIRE(here);
  const void *a, *b;
  size_t a_size, b_size;
  CHECK_OK(eerie_compiler_output_map(isolated, &a, &a_size, &err));
  CHECK_OK(eerie_compiler_output_map(here, &b, &b_size, &err));
  CHECK_EQ_INT(a_size, b_size);
  if (a_size == b_size) CHECK_BYTES(a, b, a_size);
  eerie_compiler_output_release(isolated);
  eerie_compiler_output_release(here);
  // After a compile in this process its threads are missing in the child, which does without.
  CHECK_OK(compile((eerie_compile_options_t){.target = "host"}));
  eerie_compiler_output_release(output);
}

static void brings_diagnostics_over(void) {
  CHECK_STATUS(compile((eerie_compile_options_t){.source = wrong_source,
                                                 .source_size = sizeof wrong_source - 1,
                                                 .source_name = "wrong.mlir",
                                                 .target = "host"}),
               EERIE_INVALID_ARGUMENT);
  CHECK_EQ_INT(heard.count[EERIE_COMPILER_ERROR], 1);
  CHECK_STR(heard.file, "wrong.mlir");
  CHECK_EQ_INT(heard.line, 2);
  CHECK_EQ_INT(heard.column, 8);
  CHECK_CONTAINS(err.message, "wrong.mlir:2:8");
}

static void brings_text_over(void) {
  const char *flags[] = {"--mlir-timing"};
  CHECK_OK(compile((eerie_compile_options_t){
      .target = "host", .compile_to = "input", .flags = flags, .flag_count = 1}));
  CHECK_CONTAINS(heard.printed, "Execution time report");
  eerie_compiler_output_release(output);
}

static void a_crash_is_an_error_with_a_reproducer(void) {
  const char *flags[] = {"--iree-hal-target-device=local",
                         "--iree-hal-local-target-device-backends=llvm-cpu",
                         "--iree-llvmcpu-target-triple=toaster"};
  const char *path = test_path("crash.mlir");
  CHECK_STATUS(
      compile((eerie_compile_options_t){.flags = flags, .flag_count = 3, .reproducer_path = path}),
      EERIE_ABORTED);
  CHECK_CONTAINS(err.message, "mul.mlir");
  CHECK_CONTAINS(err.message, "signal");
  CHECK_CONTAINS(err.message, "crash.mlir");
  char text[1 << 14] = "";
  CHECK(read_file(path, text, sizeof text - 1) > 0);
  CHECK_CONTAINS(text, "@mul");
  memset(text, 0, sizeof text);
  CHECK(read_file(test_path("crash.mlir.flags"), text, sizeof text - 1) > 0);
  CHECK_CONTAINS(text, "--iree-llvmcpu-target-triple=toaster");
  // Without a place for it, the reproducer goes to a new file.
  setenv("TMPDIR", test_folder(), 1);
  CHECK_STATUS(compile((eerie_compile_options_t){.flags = flags, .flag_count = 3}), EERIE_ABORTED);
  CHECK_CONTAINS(err.message, "eerie-crash-");
  CHECK_CONTAINS(err.message, test_folder());
  unsetenv("TMPDIR");
}

static void a_fatal_error_is_an_error(void) {
  const char *flags[] = {"--iree-llvmcpu-target-cpu=toaster"};
  CHECK_STATUS(
      compile((eerie_compile_options_t){.target = "host", .flags = flags, .flag_count = 1}),
      EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "LLVM ERROR");
  CHECK_CONTAINS(heard.printed, "toaster");
}

static void refused_flags_are_named(void) {
  const char *flags[] = {"--iree-toaster=2"};
  CHECK_STATUS(
      compile((eerie_compile_options_t){.target = "host", .flags = flags, .flag_count = 1}),
      EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "refuses a flag");
  CHECK_CONTAINS(err.message, "--iree-toaster=2");
  CHECK_EQ_INT(heard.printed_size, 0);
}

static void a_flag_of_the_caller_wins(void) {
  const char *flags[] = {"--iree-hal-target-device=local",
                         "--iree-hal-local-target-device-backends=vmvx"};
  CHECK_OK(compile((eerie_compile_options_t){
      .target = "host", .flags = flags, .flag_count = 2, .compile_to = "flow"}));
  REQUIRE(output);
  const void *data;
  size_t size;
  CHECK_OK(eerie_compiler_output_map(output, &data, &size, &err));
  CHECK(memmem(data, size, "vmvx-bytecode-fb", 16) != NULL);
  CHECK(memmem(data, size, "embedded-elf", 12) == NULL);
  eerie_compiler_output_release(output);
}

static void stops_at_the_time_limit(void) {
  CHECK_STATUS(compile((eerie_compile_options_t){.target = "host", .time_limit_ms = 5}),
               EERIE_DEADLINE_EXCEEDED);
  CHECK_CONTAINS(err.message, "5 ms");
  CHECK_CONTAINS(err.message, "mul.mlir");
}

static void stops_at_the_memory_limit(void) {
  // The sanitizers take terabytes of address space for themselves.
  if (UNDER_SANITIZER) SKIP("a memory limit does not go with a sanitizer");
  CHECK_STATUS(compile((eerie_compile_options_t){.target = "host", .memory_limit = 330u << 20}),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_CONTAINS(err.message, "memory limit");
}

static void works_where_children_are_ignored(void) {
  signal(SIGCHLD, SIG_IGN);
  CHECK_OK(compile((eerie_compile_options_t){.target = "host"}));
  eerie_compiler_output_release(output);
  signal(SIGCHLD, SIG_DFL);
}

static void leaves_no_child_behind(void) {
  errno = 0;
  CHECK_EQ_INT(waitpid(-1, NULL, WNOHANG), -1);
  CHECK_EQ_INT(errno, ECHILD);
}

// What the program had not written out yet must come out once; what it registered for its end must
// happen at its end.
static void child_does_not_run_the_programs_end(void) {
  const char *path = test_path("buffered.txt");
  FILE *file = fopen(path, "wb");
  REQUIRE(file);
  fputs("once", file);
  const char *flags[] = {"--iree-llvmcpu-target-cpu=toaster"};
  compile((eerie_compile_options_t){.target = "host", .flags = flags, .flag_count = 1});
  fclose(file);
  char text[64];
  CHECK_EQ_INT(read_file(path, text, sizeof text), 4);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(brings_diagnostics_over),
      RUN(brings_text_over),
      RUN(a_crash_is_an_error_with_a_reproducer),
      RUN(a_fatal_error_is_an_error),
      RUN(refused_flags_are_named),
      RUN(a_flag_of_the_caller_wins),
      RUN(stops_at_the_time_limit),
      RUN(stops_at_the_memory_limit),
      RUN(works_where_children_are_ignored),
      RUN(child_does_not_run_the_programs_end),
      RUN(makes_the_same_module),
      RUN(leaves_no_child_behind),
  };
  if (!open_compiler()) return 77;
  const int result = check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
  eerie_compiler_release(compiler);
  remove_test_folder();
  return result;
}
