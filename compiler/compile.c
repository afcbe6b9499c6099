// compile.c: one call from source to output, in this process or by isolate.c.
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

// ---- Flags -------------------------------------------------------------------------------------

bool ee_flags_same_name(const char *a, const char *b) {
  a += strspn(a, "-");
  b += strspn(b, "-");
  const size_t size = strcspn(a, "=");
  return size == strcspn(b, "=") && memcmp(a, b, size) == 0;
}

// The flags of one compile, while they are gathered.
typedef struct compile_flags {
  ee_strings_t strings;
  const eerie_compile_options_t *options;
  bool out_of_memory;
} compile_flags_t;

static void compile_add_flag(compile_flags_t *flags, const char *flag) {
  if (!ee_strings_add(&flags->strings, flag)) flags->out_of_memory = true;
}

// A flag of ours stands back where the caller gave the same.
static void compile_add_default(void *user, const char *flag) {
  compile_flags_t *flags = user;
  for (size_t i = 0; i < flags->options->flag_count; ++i)
    if (ee_flags_same_name(flags->options->flags[i], flag)) return;
  compile_add_flag(flags, flag);
}

static eerie_status_t compile_gather_flags(compile_flags_t *flags, eerie_error_t *err) {
  const eerie_compile_options_t *options = flags->options;
  static const char *const levels[] = {NULL, "O0", "O1", "O2", "O3"};
  char flag[256];
  if ((unsigned)options->opt_level >= sizeof levels / sizeof levels[0])
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "there is no optimisation level %d",
                            (int)options->opt_level);
  if (options->input_type) {
    const int length = snprintf(flag, sizeof flag, "--iree-input-type=%s", options->input_type);
    if (length < 0 || (size_t)length >= sizeof flag)
      return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "the input type is too long");
    compile_add_default(flags, flag);
  }
  if (levels[options->opt_level]) {
    snprintf(flag, sizeof flag, "--iree-opt-level=%s", levels[options->opt_level]);
    compile_add_default(flags, flag);
  }
  const char *const *targets = options->targets ? options->targets : &options->target;
  const size_t target_count = options->targets ? options->target_count : options->target != NULL;
  const eerie_status_t status = eerie_compiler_target_flags(
      targets, target_count, options->static_library_path, compile_add_default, flags, err);
  if (status) return status;
  for (size_t i = 0; i < options->flag_count; ++i)
    compile_add_flag(flags, options->flags[i]);
  if (flags->out_of_memory)
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for compiler flags");
  return EERIE_OK;
}

// ---- In this process ---------------------------------------------------------------------------

typedef struct compile_work {
  const eerie_compile_options_t *options;
  eerie_compiler_session_t *session;
  eerie_compiler_output_t *output;
  const char *reproducer_path; // catches crashes inside passes when not NULL
  eerie_status_t status;
  eerie_error_t *err;
  // Pieces of a split source, as they come.
  eerie_compiler_source_t **parts;
  size_t part_count, part_capacity;
} compile_work_t;

static eerie_status_t compile_source(compile_work_t *work, eerie_compiler_source_t *source) {
  const eerie_compile_options_t *options = work->options;
  eerie_compiler_invocation_t *invocation = NULL;
  eerie_status_t status = eerie_compiler_invocation_create(
      work->session,
      &(eerie_compiler_invocation_options_t){.on_diagnostic = options->on_diagnostic,
                                             .user = options->user,
                                             .compile_from = options->compile_from,
                                             .compile_to = options->compile_to,
                                             .dump_phases_to = options->dump_phases_to,
                                             .skip_verify = options->skip_verify,
                                             .reproducer_path = work->reproducer_path},
      &invocation, work->err);
  if (!status) status = eerie_compiler_invocation_parse(invocation, source, work->err);
  if (!status) status = eerie_compiler_invocation_run(invocation, options->pipeline, work->err);
  if (!status)
    status = eerie_compiler_invocation_output(
        invocation, ee_compile_format(options->pipeline, options->compile_to, options->format),
        work->output, work->err);
  eerie_compiler_invocation_release(invocation);
  return status;
}

static void compile_take_part(void *user, eerie_compiler_source_t *take_part) {
  compile_work_t *work = user;
  if (work->part_count == work->part_capacity) {
    const size_t item = sizeof(void *);
    const size_t capacity = work->part_capacity ? work->part_capacity * 2 : 8;
    eerie_compiler_source_t **parts =
        ee_compiler_resize(&work->session->compiler->allocator, work->parts,
                           work->part_capacity * item, capacity * item);
    if (!parts) {
      work->status = EE_COMPILER_FAIL(work->err, EERIE_RESOURCE_EXHAUSTED,
                                      "no memory for the pieces of a source");
      eerie_compiler_source_release(take_part);
      return;
    }
    work->parts = parts;
    work->part_capacity = capacity;
  }
  work->parts[work->part_count++] = take_part;
}

// Compiles every piece even after a failure, so that all diagnostics are seen; the first failure
// counts.
static eerie_status_t compile_parts(compile_work_t *work, eerie_compiler_source_t *source) {
  eerie_status_t status = eerie_compiler_source_split(source, compile_take_part, work, work->err);
  if (!status) status = work->status;
  eerie_error_t *const err = work->err;
  for (size_t i = 0; i < work->part_count; ++i) {
    if (!status || status == EERIE_INVALID_ARGUMENT) {
      work->err = status ? NULL : err;
      const eerie_status_t part_status = compile_source(work, work->parts[i]);
      if (!status) status = part_status;
    }
    eerie_compiler_source_release(work->parts[i]);
  }
  work->err = err;
  if (work->parts)
    ee_compiler_resize(&work->session->compiler->allocator, work->parts,
                       work->part_capacity * sizeof(void *), 0);
  return status;
}

eerie_status_t ee_compile_here(eerie_compiler_t *compiler, const eerie_compile_options_t *options,
                               const ee_strings_t *session_flags, const char *reproducer_path,
                               eerie_compiler_output_t *output, eerie_error_t *err) {
  compile_work_t work = {
      .options = options, .output = output, .reproducer_path = reproducer_path, .err = err};
  eerie_compiler_source_t *source = NULL;
  eerie_status_t status = eerie_compiler_session_create(compiler, &work.session, err);
  if (status) return status;
  status = eerie_compiler_session_set_flags(work.session, (const char *const *)session_flags->items,
                                            session_flags->count, err);
  if (!status)
    status =
        options->source
            ? eerie_compiler_source_create(work.session, options->source_name, options->source,
                                           options->source_size, &source, err)
            : eerie_compiler_source_open_file(work.session, options->source_path, &source, err);
  if (!status)
    status = options->split_input ? compile_parts(&work, source) : compile_source(&work, source);
  eerie_compiler_source_release(source);
  eerie_compiler_session_release(work.session);
  return status;
}

// ---- Public ------------------------------------------------------------------------------------

static eerie_status_t compile_with_options(eerie_compiler_t *compiler,
                                           const eerie_compile_options_t *options,
                                           eerie_compiler_output_t *output, eerie_error_t *err) {
  compile_flags_t flags = {.strings = {.allocator = &compiler->allocator}, .options = options};
  eerie_status_t status = compile_gather_flags(&flags, err);
  if (!status && options->isolated)
    status = ee_compile_isolated(compiler, options, &flags.strings, false, output, err);
  else if (!status)
    status =
        ee_compile_here(compiler, options, &flags.strings, options->reproducer_path, output, err);
  ee_strings_free(&flags.strings);
  return status;
}

eerie_status_t ee_compile_quietly(eerie_compiler_t *compiler,
                                  const eerie_compile_options_t *options,
                                  eerie_compiler_output_t **out_output, eerie_error_t *err) {
  *out_output = NULL;
  compile_flags_t flags = {.strings = {.allocator = &compiler->allocator}, .options = options};
  eerie_compiler_output_t *output = NULL;
  eerie_status_t status = ee_library_initialize(err);
  if (!status) status = compile_gather_flags(&flags, err);
  if (!status) status = ee_output_create(&compiler->allocator, &output, err);
  if (!status) status = ee_compile_isolated(compiler, options, &flags.strings, true, output, err);
  ee_strings_free(&flags.strings);
  if (status)
    eerie_compiler_output_release(output);
  else
    *out_output = output;
  return status;
}

// Standard input can be read once, and a child that crashes may have to be run again.
static eerie_status_t compile_from_input(eerie_compiler_t *compiler,
                                         const eerie_compile_options_t *options,
                                         eerie_compiler_output_t *output, eerie_error_t *err) {
  ee_block_t block;
  eerie_status_t status =
      ee_compiler_read_all(&compiler->allocator, STDIN_FILENO, "standard input", &block, err);
  if (status) return status;
  eerie_compile_options_t memory = *options;
  memory.source = block.data;
  memory.source_size = block.size;
  memory.source_name = "<stdin>";
  status = compile_with_options(compiler, &memory, output, err);
  ee_block_free(&compiler->allocator, &block);
  return status;
}

eerie_status_t eerie_compiler_compile(eerie_compiler_t *compiler,
                                      const eerie_compile_options_t *options,
                                      eerie_compiler_output_t **out_output, eerie_error_t *err) {
  *out_output = NULL;
  if (!options->source_path == !options->source)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                            "a compile takes either a path or bytes as its source");
  eerie_compiler_output_t *output = NULL;
  eerie_status_t status = ee_output_create(&compiler->allocator, &output, err);
  if (status) return status;
  status = options->source_path && strcmp(options->source_path, "-") == 0
               ? compile_from_input(compiler, options, output, err)
               : compile_with_options(compiler, options, output, err);
  if (status)
    eerie_compiler_output_release(output);
  else
    *out_output = output;
  return status;
}
