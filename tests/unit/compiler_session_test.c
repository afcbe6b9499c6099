// Sessions, sources, invocations and outputs, in this process.
#define _GNU_SOURCE

#include <fcntl.h>
#include <sys/stat.h>

#include "unit/compiler_support.h"

// Magic numbers of what comes out: a ZIP archive, MLIR bytecode, an ELF file.
static const char module_magic[] = "PK\3\4", bytecode_magic[] = "ML\xefR", elf_magic[] = "\177ELF";

static const char *const host_flags[] = {"--iree-hal-target-device=local",
                                         "--iree-hal-local-target-device-backends=llvm-cpu",
                                         "--iree-llvmcpu-target-cpu=host"};

// One source on its way, and what was said meanwhile.
typedef struct run {
  eerie_compiler_session_t *session;
  eerie_compiler_source_t *source;
  eerie_compiler_invocation_t *invocation;
  eerie_compiler_output_t *output;
  heard_t heard;
  eerie_error_t err;
} run_t;

static bool start_run(run_t *run, const void *source, size_t size,
                      eerie_compiler_invocation_options_t options) {
  memset(run, 0, sizeof *run);
  options.on_diagnostic = hear_diagnostic;
  options.user = &run->heard;
  return CHECK_OK(eerie_compiler_session_create(compiler, &run->session, &run->err)) &&
         CHECK_OK(eerie_compiler_session_set_flags(run->session, host_flags, 3, &run->err)) &&
         CHECK_OK(eerie_compiler_source_create(run->session, "test.mlir", source, size,
                                               &run->source, &run->err)) &&
         CHECK_OK(eerie_compiler_invocation_create(run->session, &options, &run->invocation,
                                                   &run->err)) &&
         CHECK_OK(eerie_compiler_output_create(compiler, &run->output, &run->err));
}

static void end_run(run_t *run) {
  // Any order will do; parents live as long as they are needed.
  eerie_compiler_session_release(run->session);
  eerie_compiler_source_release(run->source);
  eerie_compiler_output_release(run->output);
  eerie_compiler_invocation_release(run->invocation);
}

static const char *output_text(eerie_compiler_output_t *output, size_t *out_size) {
  static char text[1 << 16];
  const void *data = NULL;
  size_t size = 0;
  CHECK_OK(eerie_compiler_output_map(output, &data, &size, NULL));
  *out_size = size;
  if (size >= sizeof text) size = sizeof text - 1;
  if (size) memcpy(text, data, size);
  text[size] = 0;
  return text;
}

static void tells_version_and_revision(void) {
  eerie_compiler_info_t info;
  REQUIRE_OK(eerie_compiler_get_info(compiler, &info, NULL));
  CHECK_EQ_INT(info.api_major, 1);
  CHECK(info.api_minor >= 4);
  CHECK(info.path[0] == '/');
  CHECK_EQ_INT(strncmp(info.release, "3.", 2), 0);
  CHECK_CONTAINS(info.revision, info.release);
}

static void lists_backends_and_plugins(void) {
  texts_t *texts = calloc(1, sizeof *texts);
  REQUIRE(texts);
  CHECK_OK(eerie_compiler_list_backends(compiler, hear_text, texts, NULL));
  CHECK_CONTAINS(texts->all, "llvm-cpu\n");
  CHECK_CONTAINS(texts->all, "vmvx\n");
  memset(texts, 0, sizeof *texts);
  CHECK_OK(eerie_compiler_list_plugins(compiler, hear_text, texts, NULL));
  CHECK_CONTAINS(texts->all, "input_stablehlo\n");
  free(texts);
}

static void sets_and_gets_flags(void) {
  eerie_error_t err = {0};
  eerie_compiler_session_t *session = NULL, *other = NULL;
  texts_t *texts = calloc(1, sizeof *texts);
  REQUIRE(texts);
  REQUIRE_OK(eerie_compiler_session_create(compiler, &session, &err));
  CHECK_OK(eerie_compiler_session_get_flags(session, true, hear_text, texts, &err));
  CHECK_EQ_INT(texts->count, 0);
  CHECK_OK(eerie_compiler_session_get_flags(session, false, hear_text, texts, &err));
  CHECK(texts->count > 50);
  const char *flags[] = {"--iree-opt-level=O3", "--iree-input-type=tosa"};
  CHECK_OK(eerie_compiler_session_set_flags(session, flags, 2, &err));
  memset(texts, 0, sizeof *texts);
  CHECK_OK(eerie_compiler_session_get_flags(session, true, hear_text, texts, &err));
  CHECK_EQ_INT(texts->count, 2);
  CHECK_CONTAINS(texts->all, "--iree-opt-level=O3\n");
  CHECK_CONTAINS(texts->all, "--iree-input-type=tosa\n");
  // Another session has its own.
  memset(texts, 0, sizeof *texts);
  REQUIRE_OK(eerie_compiler_session_create(compiler, &other, &err));
  CHECK_OK(eerie_compiler_session_get_flags(other, true, hear_text, texts, &err));
  CHECK_EQ_INT(texts->count, 0);
  eerie_compiler_session_release(other);

  const char *unknown = "--iree-toaster=1", *positional = "toast", *bad = "--iree-opt-level=O9";
  CHECK_STATUS(eerie_compiler_session_set_flags(session, &unknown, 1, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "--iree-toaster=1");
  CHECK_STATUS(eerie_compiler_session_set_flags(session, &positional, 1, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "toast");
  CHECK_STATUS(eerie_compiler_session_set_flags(session, &bad, 1, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "O9");
  eerie_compiler_session_release(session);
  free(texts);
}

static void compiles_text_from_memory(void) {
  run_t run;
  if (start_run(&run, multiply_source, sizeof multiply_source - 1,
                (eerie_compiler_invocation_options_t){0})) {
    CHECK_OK(eerie_compiler_invocation_parse(run.invocation, run.source, &run.err));
    CHECK_OK(eerie_compiler_invocation_run(run.invocation, EERIE_COMPILER_STANDARD, &run.err));
    CHECK_OK(eerie_compiler_invocation_output(run.invocation, EERIE_COMPILER_FORMAT_AUTO,
                                              run.output, &run.err));
    const void *data;
    size_t size;
    REQUIRE_OK(eerie_compiler_output_map(run.output, &data, &size, &run.err));
    CHECK(size > 1000 && memcmp(data, module_magic, 4) == 0);
    CHECK_EQ_INT((uintptr_t)data % 4096, 0);
    CHECK_EQ_INT(run.heard.count[EERIE_COMPILER_ERROR], 0);
    CHECK_STATUS(eerie_compiler_output_append(run.output, "x", 1, &run.err),
                 EERIE_FAILED_PRECONDITION);
  }
  end_run(&run);
}

static void compiles_bytecode(void) {
  run_t text, bytecode;
  if (start_run(&text, multiply_source, sizeof multiply_source - 1,
                (eerie_compiler_invocation_options_t){0})) {
    CHECK_OK(eerie_compiler_invocation_parse(text.invocation, text.source, &text.err));
    CHECK_OK(eerie_compiler_invocation_output(text.invocation, EERIE_COMPILER_IR_BYTECODE,
                                              text.output, &text.err));
    const void *data;
    size_t size;
    REQUIRE_OK(eerie_compiler_output_map(text.output, &data, &size, &text.err));
    REQUIRE(size > 4);
    CHECK_BYTES(data, bytecode_magic, 4);
    if (start_run(&bytecode, data, size, (eerie_compiler_invocation_options_t){0})) {
      CHECK_OK(
          eerie_compiler_invocation_parse(bytecode.invocation, bytecode.source, &bytecode.err));
      CHECK_OK(eerie_compiler_invocation_output(bytecode.invocation, EERIE_COMPILER_IR_TEXT,
                                                bytecode.output, &bytecode.err));
      size_t text_size;
      CHECK_CONTAINS(output_text(bytecode.output, &text_size), "arith.mulf");
    }
    end_run(&bytecode);
  }
  end_run(&text);
}

static void reads_sources_from_files(void) {
  const char *path = test_path("file.mlir");
  CHECK(write_file(path, multiply_source, sizeof multiply_source - 1));
  eerie_error_t err = {0};
  eerie_compiler_output_t *output = NULL;
  CHECK_OK(eerie_compiler_compile(
      compiler, &(eerie_compile_options_t){.source_path = path, .target = "host"}, &output, &err));
  size_t size = 0;
  if (output) output_text(output, &size);
  CHECK(size > 1000);
  eerie_compiler_output_release(output);

  const struct {
    const char *path;
    eerie_status_t status;
    const char *says;
  } bad[] = {{test_path("missing.mlir"), EERIE_NOT_FOUND, "missing.mlir"},
             {test_folder(), EERIE_PERMISSION_DENIED, "folder"},
             {test_path("empty.mlir"), EERIE_INVALID_ARGUMENT, "empty"}};
  CHECK(write_file(test_path("empty.mlir"), "", 0));
  for (size_t i = 0; i < 3; ++i) {
    CHECK_STATUS(eerie_compiler_compile(compiler,
                                        &(eerie_compile_options_t){.source_path = bad[i].path},
                                        &output, &err),
                 bad[i].status);
    CHECK(output == NULL);
    CHECK_CONTAINS(err.message, bad[i].says);
  }
  CHECK_STATUS(eerie_compiler_compile(compiler, &(eerie_compile_options_t){0}, &output, &err),
               EERIE_INVALID_ARGUMENT);
}

static void places_an_error(void) {
  run_t run;
  if (start_run(&run, wrong_source, sizeof wrong_source - 1,
                (eerie_compiler_invocation_options_t){0})) {
    CHECK_STATUS(eerie_compiler_invocation_parse(run.invocation, run.source, &run.err),
                 EERIE_INVALID_ARGUMENT);
    CHECK_EQ_INT(run.heard.count[EERIE_COMPILER_ERROR], 1);
    CHECK_STR(run.heard.file, "test.mlir");
    CHECK_EQ_INT(run.heard.line, 2);
    CHECK_EQ_INT(run.heard.column, 8);
    CHECK_CONTAINS(run.heard.message, "arith.mulx");
    CHECK_CONTAINS(run.err.message, "test.mlir:2:8: ");
    CHECK_STATUS(eerie_compiler_invocation_run(run.invocation, EERIE_COMPILER_STANDARD, &run.err),
                 EERIE_FAILED_PRECONDITION);
  }
  end_run(&run);
}

static void splits_a_source(void) {
  char source[2048];
  snprintf(source, sizeof source, "%s// -----\n%s// -----\n%s", multiply_source, wrong_source,
           multiply_source);
  heard_t heard = {0};
  eerie_error_t err = {0};
  eerie_compiler_output_t *output = NULL;
  eerie_compile_options_t options = {.source = source,
                                     .source_size = strlen(source),
                                     .source_name = "s.mlir",
                                     .target = "host",
                                     .compile_to = "input",
                                     .split_input = true,
                                     .on_diagnostic = hear_diagnostic,
                                     .user = &heard};
  CHECK_STATUS(eerie_compiler_compile(compiler, &options, &output, &err), EERIE_INVALID_ARGUMENT);
  CHECK_STR(heard.file, "s.mlir");
  CHECK_EQ_INT(heard.line, 7); // in the whole
  CHECK_EQ_INT(heard.column, 8);
  CHECK_CONTAINS(err.message, "s.mlir:7:8");

  snprintf(source, sizeof source, "%s// -----\n%s", multiply_source, multiply_source);
  options.source_size = strlen(source);
  CHECK_OK(eerie_compiler_compile(compiler, &options, &output, &err));
  REQUIRE(output);
  size_t size;
  const char *text = output_text(output, &size);
  const char *first = strstr(text, "@mul");
  CHECK(first && strstr(first + 1, "@mul"));
  eerie_compiler_output_release(output);
  // Without splitting, the name is there twice.
  options.split_input = false;
  CHECK_STATUS(eerie_compiler_compile(compiler, &options, &output, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "redefinition");
}

static void stops_and_goes_on_at_phases(void) {
  eerie_error_t err = {0};
  eerie_compiler_output_t *flow = NULL, *module = NULL;
  CHECK_OK(
      eerie_compiler_compile(compiler,
                             &(eerie_compile_options_t){.source = multiply_source,
                                                        .source_size = sizeof multiply_source - 1,
                                                        .target = "host",
                                                        .compile_to = "flow"},
                             &flow, &err));
  REQUIRE(flow);
  size_t size;
  const char *text = output_text(flow, &size);
  CHECK_CONTAINS(text, "flow.executable");
  CHECK_OK(eerie_compiler_compile(
      compiler,
      &(eerie_compile_options_t){
          .source = text, .source_size = size, .target = "host", .compile_from = "flow"},
      &module, &err));
  REQUIRE(module);
  CHECK_BYTES(output_text(module, &size), module_magic, 4);
  eerie_compiler_output_release(flow);
  eerie_compiler_output_release(module);
  CHECK_STATUS(eerie_compiler_compile(compiler,
                                      &(eerie_compile_options_t){.source = multiply_source,
                                                                 .source_size = 10,
                                                                 .compile_to = "breakfast"},
                                      &module, &err),
               EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "breakfast");
  CHECK_CONTAINS(err.message, "executable-targets");
}

static void dumps_every_phase(void) {
  eerie_error_t err = {0};
  eerie_compiler_output_t *output = NULL;
  const char *folder = test_path("phases");
  CHECK_EQ_INT(mkdir(folder, 0777), 0);
  CHECK_OK(
      eerie_compiler_compile(compiler,
                             &(eerie_compile_options_t){.source = multiply_source,
                                                        .source_size = sizeof multiply_source - 1,
                                                        .source_name = "mul.mlir",
                                                        .target = "host",
                                                        .dump_phases_to = folder},
                             &output, &err));
  eerie_compiler_output_release(output);
  char text[1 << 15] = "";
  CHECK(read_file(test_path("phases/mul.1.input.mlir"), text, sizeof text - 1) > 0);
  CHECK_CONTAINS(text, "@mul");
}

static void runs_other_pipelines(void) {
  eerie_error_t err = {0};
  eerie_compiler_output_t *output = NULL, *binary = NULL;
  eerie_compile_options_t options = {.source = multiply_source,
                                     .source_size = sizeof multiply_source - 1,
                                     .target = "host",
                                     .pipeline = EERIE_COMPILER_PRECOMPILE};
  CHECK_OK(eerie_compiler_compile(compiler, &options, &output, &err));
  size_t size = 0;
  if (output) CHECK_CONTAINS(output_text(output, &size), "util.func public @mul");
  eerie_compiler_output_release(output);

  // One executable on its own, cut out of what stands before the code generation.
  static const char executable[] =
      "#target = #hal.executable.target<\"llvm-cpu\", \"embedded-elf-x86_64\", {cpu = \"generic\", "
      "target_triple = \"x86_64-unknown-unknown-eabi-elf\", native_vector_size = 16 : i64}>\n"
      "#layout = #hal.pipeline.layout<bindings = [#hal.pipeline.binding<storage_buffer>, "
      "#hal.pipeline.binding<storage_buffer>]>\n"
      "hal.executable.source public @e {\n"
      "  hal.executable.export public @copy ordinal(0) layout(#layout) count(%device: "
      "!hal.device) -> (index, index, index) {\n"
      "    %c1 = arith.constant 1 : index\n"
      "    hal.return %c1, %c1, %c1 : index, index, index\n"
      "  }\n"
      "  builtin.module {\n"
      "    func.func @copy() {\n"
      "      return\n"
      "    }\n"
      "  }\n"
      "}\n";
  heard_t heard = {0};
  const eerie_status_t status =
      eerie_compiler_compile(compiler,
                             &(eerie_compile_options_t){.source = executable,
                                                        .source_size = sizeof executable - 1,
                                                        .target = "host",
                                                        .pipeline = EERIE_COMPILER_HAL_EXECUTABLE,
                                                        .on_diagnostic = hear_diagnostic,
                                                        .user = &heard},
                             &binary, &err);
  CHECK_STATUS(status, EERIE_OK);
  if (status) fprintf(stderr, "%s\n", err.message);
  if (binary) CHECK_BYTES(output_text(binary, &size), elf_magic, 4);
  eerie_compiler_output_release(binary);
  options.pipeline = EERIE_COMPILER_HAL_EXECUTABLE;
  CHECK_STATUS(eerie_compiler_compile(compiler, &options, &binary, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "exactly 1");
}

static void runs_passes_by_name(void) {
  run_t run;
  static const char source[] = "func.func @f() -> i32 {\n"
                               "  %a = arith.constant 40 : i32\n"
                               "  %b = arith.constant 2 : i32\n"
                               "  %c = arith.addi %a, %b : i32\n"
                               "  return %c : i32\n"
                               "}\n";
  if (start_run(&run, source, sizeof source - 1, (eerie_compiler_invocation_options_t){0})) {
    CHECK_STATUS(eerie_compiler_invocation_run_passes(run.invocation, "cse", &run.err),
                 EERIE_FAILED_PRECONDITION);
    CHECK_OK(eerie_compiler_invocation_parse(run.invocation, run.source, &run.err));
    CHECK_OK(
        eerie_compiler_invocation_run_passes(run.invocation, "func.func(canonicalize)", &run.err));
    CHECK_OK(eerie_compiler_invocation_output(run.invocation, EERIE_COMPILER_FORMAT_AUTO + 1,
                                              run.output, &run.err));
    size_t size;
    CHECK_CONTAINS(output_text(run.output, &size), "42 : i32");
  }
  end_run(&run);
}

static void refuses_calls_out_of_order(void) {
  run_t run, other;
  const bool started = start_run(&run, multiply_source, sizeof multiply_source - 1,
                                 (eerie_compiler_invocation_options_t){.compile_to = "flow"});
  if (started && start_run(&other, multiply_source, sizeof multiply_source - 1,
                           (eerie_compiler_invocation_options_t){0})) {
    eerie_error_t *err = &run.err;
    CHECK_STATUS(eerie_compiler_invocation_run(run.invocation, EERIE_COMPILER_STANDARD, err),
                 EERIE_FAILED_PRECONDITION);
    CHECK_STATUS(eerie_compiler_invocation_parse(run.invocation, other.source, err),
                 EERIE_FAILED_PRECONDITION);
    CHECK_CONTAINS(err->message, "another session");
    CHECK_OK(eerie_compiler_invocation_parse(run.invocation, run.source, err));
    CHECK_STATUS(eerie_compiler_invocation_parse(run.invocation, run.source, err),
                 EERIE_FAILED_PRECONDITION);
    CHECK_STATUS(
        eerie_compiler_invocation_output(run.invocation, EERIE_COMPILER_MODULE, run.output, err),
        EERIE_FAILED_PRECONDITION);
    CHECK_STATUS(eerie_compiler_invocation_output(run.invocation, EERIE_COMPILER_EXECUTABLE_BINARY,
                                                  run.output, err),
                 EERIE_FAILED_PRECONDITION);
    CHECK_STATUS(eerie_compiler_invocation_run(run.invocation, (eerie_compiler_pipeline_t)9, err),
                 EERIE_INVALID_ARGUMENT);
    CHECK_OK(eerie_compiler_invocation_run(run.invocation, EERIE_COMPILER_STANDARD, err));
    CHECK_STATUS(
        eerie_compiler_invocation_output(run.invocation, EERIE_COMPILER_MODULE, run.output, err),
        EERIE_FAILED_PRECONDITION);
    end_run(&other);
  }
  end_run(&run);
}

// A backend that does not exist makes a pass read through a null pointer. Depending on what lies in
// memory there it crashes or fails; both leave a reproducer.
static void records_what_goes_wrong_in_a_pass(void) {
  eerie_error_t err = {0};
  eerie_compiler_output_t *output = NULL;
  const char *path = test_path("reproducer.mlir");
  const char *flags[] = {"--iree-hal-target-device=local",
                         "--iree-hal-local-target-device-backends=toaster"};
  const eerie_status_t status =
      eerie_compiler_compile(compiler,
                             &(eerie_compile_options_t){.source = multiply_source,
                                                        .source_size = sizeof multiply_source - 1,
                                                        .flags = flags,
                                                        .flag_count = 2,
                                                        .reproducer_path = path},
                             &output, &err);
  CHECK(status == EERIE_ABORTED || status == EERIE_INVALID_ARGUMENT);
  CHECK(output == NULL);
  if (status == EERIE_ABORTED) CHECK_CONTAINS(err.message, "reproducer.mlir");
  char text[1 << 14] = "";
  CHECK(read_file(path, text, sizeof text - 1) > 0);
  CHECK_CONTAINS(text, "@mul");
  eerie_compiler_output_release(output);
}

// ---- Outputs -----------------------------------------------------------------------------------

static void writes_outputs_whole_or_not_at_all(void) {
  eerie_error_t err = {0};
  eerie_compiler_output_t *output = NULL;
  REQUIRE_OK(eerie_compiler_output_create(compiler, &output, &err));
  CHECK_OK(eerie_compiler_output_append(output, "hello ", 6, &err));
  CHECK_OK(eerie_compiler_output_append(output, "world", 5, &err));
  const char *path = test_path("out.txt");
  char text[64] = "";
  CHECK_OK(eerie_compiler_output_write_file(output, path, &err));
  CHECK_EQ_INT(read_file(path, text, sizeof text), 11);
  CHECK_BYTES(text, "hello world", 11);
  // What is there keeps its rights and, a link, its being one.
  const char *link_path = test_path("link.txt");
  CHECK_EQ_INT(chmod(path, 0640), 0);
  CHECK_EQ_INT(symlink("out.txt", link_path), 0);
  CHECK(write_file(path, "old", 3));
  CHECK_OK(eerie_compiler_output_write_file(output, link_path, &err));
  struct stat info;
  CHECK(lstat(link_path, &info) == 0 && S_ISLNK(info.st_mode));
  CHECK(stat(path, &info) == 0);
  CHECK_EQ_INT(info.st_mode & 0777, 0640);
  CHECK_EQ_INT(info.st_size, 11);
  // Unwritable places.
  CHECK_STATUS(eerie_compiler_output_write_file(output, test_path("no/such/folder"), &err),
               EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "no/such/folder");
  CHECK_STATUS(eerie_compiler_output_write_file(output, test_folder(), &err),
               EERIE_PERMISSION_DENIED);
  CHECK_STATUS(eerie_compiler_output_write_file(output, "/dev/full", &err),
               EERIE_RESOURCE_EXHAUSTED);
  CHECK_OK(eerie_compiler_output_write_file(output, "/dev/null", &err));
  // A file descriptor.
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  CHECK_OK(eerie_compiler_output_write_fd(output, fds[1], &err));
  CHECK_EQ_INT(read(fds[0], text, sizeof text), 11);
  close(fds[0]);
  close(fds[1]);
  CHECK_STATUS(eerie_compiler_output_write_fd(output, fds[1], &err), EERIE_PERMISSION_DENIED);
  eerie_compiler_output_release(output);
  // No temporary file is left.
  char command[8400];
  snprintf(command, sizeof command, "! ls '%s' | grep -q tmp", test_folder());
  CHECK_EQ_INT(system(command), 0);

  REQUIRE_OK(eerie_compiler_output_create(compiler, &output, &err));
  const void *data = &err;
  size_t size = 1;
  CHECK_OK(eerie_compiler_output_map(output, &data, &size, &err));
  CHECK(data == NULL && size == 0);
  eerie_compiler_output_release(output);
}

// ---- Memory ------------------------------------------------------------------------------------

typedef struct counter {
  long live, calls, fail_at;
} counter_t;

static void *count_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  counter_t *counter = user;
  if (!new_size) {
    if (pointer) counter->live -= (long)old_size;
    free(pointer);
    return NULL;
  }
  if (counter->calls++ == counter->fail_at) return NULL;
  void *grown = realloc(pointer, new_size);
  if (grown) counter->live += (long)new_size - (pointer ? (long)old_size : 0);
  return grown;
}

static void survives_every_failing_allocation(void) {
  char source[1024];
  snprintf(source, sizeof source, "%s// -----\n%s", multiply_source, multiply_source);
  for (long n = 0;; ++n) {
    if (!CHECK(n < 200)) return;
    counter_t counter = {.fail_at = n};
    eerie_error_t err = {0};
    eerie_compiler_t *counted = NULL;
    eerie_compiler_output_t *output = NULL;
    eerie_status_t status = eerie_compiler_load(
        &(eerie_compiler_options_t){.allocator = {count_reallocate, &counter}}, &counted, &err);
    if (!status)
      status = eerie_compiler_compile(counted,
                                      &(eerie_compile_options_t){.source = source,
                                                                 .source_size = strlen(source),
                                                                 .target = "host",
                                                                 .compile_to = "input",
                                                                 .split_input = true},
                                      &output, &err);
    eerie_compiler_output_release(output);
    eerie_compiler_release(counted);
    CHECK_EQ_INT(counter.live, 0);
    if (!status) {
      CHECK(n > 10);
      return;
    }
    if (!CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED)) return;
  }
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(tells_version_and_revision),
      RUN(lists_backends_and_plugins),
      RUN(sets_and_gets_flags),
      RUN(compiles_text_from_memory),
      RUN(compiles_bytecode),
      RUN(reads_sources_from_files),
      RUN(places_an_error),
      RUN(splits_a_source),
      RUN(stops_and_goes_on_at_phases),
      RUN(dumps_every_phase),
      RUN(runs_other_pipelines),
      RUN(runs_passes_by_name),
      RUN(refuses_calls_out_of_order),
      RUN(records_what_goes_wrong_in_a_pass),
      RUN(writes_outputs_whole_or_not_at_all),
      RUN(survives_every_failing_allocation),
  };
  if (!open_compiler()) return 77;
  const int result = check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
  eerie_compiler_release(compiler);
  remove_test_folder();
  return result;
}
