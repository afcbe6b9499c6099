// choose.c: which flags make a model fast, by what it consists of.
//
// The rules are in choose_for_model, each with the measurement that it rests on; bench/flags.py
// repeats them (docs/tuning.md). What the user said is left as it is said, and what would override
// it or is of one piece with it is left alone too.
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "internal.h"

#define CHOOSE_CHANNELS_LAST                                                                       \
  "--iree-preprocessing-pass-pipeline=builtin.module(util.func("                                   \
  "iree-preprocessing-convert-conv-to-channels-last))"

typedef struct choose_state {
  const eerie_compile_options_t *options;
  eerie_compiler_choice_fn on_choice;
  void *user;
  const eerie_compiler_facts_t *facts;
} choose_state_t;

// ---- Saying it ---------------------------------------------------------------------------------

// The user's flag of a name, with its value.
static const char *choose_given(const choose_state_t *state, const char *flag) {
  for (size_t i = 0; i < state->options->flag_count; ++i)
    if (ee_flags_same_name(state->options->flags[i], flag)) return state->options->flags[i];
  return NULL;
}

EE_COMPILER_PRINTF(2, 3)
static void choose_remark(const choose_state_t *state, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  state->on_choice(state->user, NULL, text);
}

// Flags that work together: all of them, or none where the user gave one of `related`.
static bool choose_flags(const choose_state_t *state, const char *const *flags,
                         const char *const *related, const char *reason) {
  for (size_t i = 0; related[i]; ++i) {
    const char *given = choose_given(state, related[i]);
    if (!given) continue;
    choose_remark(state, "%.200s is as you gave it", given);
    return false;
  }
  for (size_t i = 0; flags[i]; ++i)
    state->on_choice(state->user, flags[i], reason);
  return true;
}

// ---- The rules ---------------------------------------------------------------------------------

// Of the two ways to tiles this one decides on them before constants are evaluated, so that the
// module holds its weights in tiles; with the other a program packs them when it is made. On 3.13.0
// and a Zen 4 the ResNet-50 shape is there 50 ms of 190 earlier, calls take 0.97 to 1.02 of the
// time, of the CNN on 28x28 0.65. Its tiles are those of one target.
static bool choose_data_tiling(const choose_state_t *state, const char *reason) {
  static const char *const one_target[] = {"--iree-global-opt-data-tiling", NULL};
  static const char *const targets[] = {"--iree-opt-data-tiling", NULL};
  const char *const *flags = state->options->target_count > 1 ? targets : one_target;
  // The first is the strongest of the three and would override the others.
  static const char *const related[] = {"--iree-opt-data-tiling", "--iree-global-opt-data-tiling",
                                        "--iree-dispatch-creation-data-tiling", NULL};
  return choose_flags(state, flags, related, reason);
}

static bool choose_microkernels(const choose_state_t *state, const char *reason) {
  static const char *const flags[] = {"--iree-llvmcpu-enable-ukernels=all", NULL};
  static const char *const related[] = {"--iree-llvmcpu-enable-ukernels",
                                        "--iree-llvmcpu-enable-llvm-ukernels", NULL};
  return choose_flags(state, flags, related, reason);
}

// Edges are peeled off loops and not padded. On a Zen 4 a vector times a matrix takes 0.65 of the
// time with 3.11 to 3.13, the small convolutions below 0.9; other products up to twice as long.
// What it does to other processors' code has not been measured.
static bool choose_peeling(const choose_state_t *state, const char *reason) {
  static const char *const flags[] = {"--iree-llvmcpu-vector-pproc-strategy=peel", NULL};
  const char *const *targets =
      state->options->targets ? state->options->targets : &state->options->target;
  const size_t count = state->options->targets ? state->options->target_count : targets[0] != NULL;
  for (size_t i = 0; i < count; ++i) {
    const bool here = strcmp(targets[i], "host") == 0 || strcmp(targets[i], "native") == 0;
#if defined(__x86_64__)
    if (here) continue;
#endif
    if (here || strncmp(targets[i], "x86-64", 6) != 0) return false;
  }
  return choose_flags(state, flags, flags, reason);
}

static bool choose_im2col(const choose_state_t *state, const char *reason) {
  static const char *const flags[] = {"--iree-global-opt-use-im2col-for-convs", NULL};
  static const char *const related[] = {"--iree-global-opt-use-im2col-for-convs",
                                        "--iree-preprocessing-pass-pipeline",
                                        "--iree-preprocessing-transform-spec-filename", NULL};
  return choose_flags(state, flags, related, reason);
}

// The sums of such a product start as its bias for each pixel, which the compiler evaluates up to a
// megabyte each: with this bound the ResNet-50 shape has 103 MB of weights and not 122, and 21.5 MB
// of tensors between its kernels and not 39.2, in the same time.
static bool choose_small_constants(const choose_state_t *state, const char *reason) {
  static const char *const flags[] = {"--iree-opt-const-expr-max-size-increase-threshold=131072",
                                      NULL};
  static const char *const related[] = {"--iree-opt-const-expr-max-size-increase-threshold",
                                        "--iree-opt-const-expr-hoisting", "--iree-opt-const-eval",
                                        NULL};
  return choose_flags(state, flags, related, reason);
}

static bool choose_channels_last(const choose_state_t *state, const char *reason) {
  static const char *const flags[] = {CHOOSE_CHANNELS_LAST,
                                      "--iree-global-opt-propagate-transposes=false", NULL};
  static const char *const related[] = {
      "--iree-preprocessing-pass-pipeline", "--iree-preprocessing-transform-spec-filename",
      "--iree-global-opt-propagate-transposes", "--iree-global-opt-use-im2col-for-convs", NULL};
  return choose_flags(state, flags, related, reason);
}

// Why dispatches may not become plain calls; NULL: they may.
static const char *choose_against_inline(const choose_state_t *state) {
  // What a dispatch costs by itself counts below this: some tens of microseconds of work.
  static const double macs_most = 1e6, elements_most = 1e6;
  const eerie_compiler_facts_t *facts = state->facts;
  if (!state->options->device || strncmp(state->options->device, "local-sync", 10) != 0)
    return "only for --device=local-sync: all its work is on the thread that calls";
  if (state->options->target_count > 1) return "the module is for several targets";
  if (facts->fences) return "its functions are asynchronous, with fences";
  if (facts->parameters) return "its weights are outside of the module";
  if (facts->imports) return "it calls functions of other modules";
  if (facts->devices) return "it names devices or brings kernels";
  if (facts->unknown_work || facts->dynamic) return "how much work it is is not known before";
  if (facts->convolution_macs + facts->depthwise_macs + facts->product_macs + facts->other_macs >
          macs_most ||
      facts->elements > elements_most)
    return "it is large enough to gain from threads";
  return NULL;
}

static void choose_execution(const choose_state_t *state) {
  static const char *const flags[] = {"--iree-execution-model=inline-dynamic", NULL};
  const char *against = choose_against_inline(state);
  if (against)
    choose_remark(state, "no inline execution: %s", against);
  else
    choose_flags(state, flags, flags, "small, and for one thread: dispatches are plain calls");
}

// Convolutions decide where they are most of the work. On 3.13.0 and a Zen 4, times of the best
// set:
//   ResNet-18 shape    channels last 1.0-1.07  with data tiling 1.07-1.1  im2col 1.7-1.9  none 3.2
//   MobileNet shape    channels last 1.0-1.03  with data tiling 1.2       im2col 1.1-1.3  none 1.8
//   CNN on 28x28       channels last 1.45      with data tiling 1.2       im2col 1.0-1.05 none 1.5
//   ResNet-50 shape    channels last 4.0       with data tiling 3.6       im2col 1.0
// The last one's are half convolutions of 1x1 with many channels, which keep being convolutions.
static void choose_convolutions(const choose_state_t *state, bool release_has_nhwc) {
  static const double small_macs = 2e6;
  const eerie_compiler_facts_t *facts = state->facts;
  const bool small = !facts->depthwise && facts->convolution_macs <= small_macs;
  const bool pointwise = !facts->depthwise && facts->pointwise_macs > facts->convolution_macs / 4;
  if (facts->int8_macs > facts->convolution_macs / 2) {
    // 64 to 64 channels of 56x56, kernel 3x3: 12.9 ms, im2col 17, channels last 77; the same
    // without zero points 16.5 and 93.
    choose_remark(state, "convolutions of 8 bits: the compiler's defaults are fastest");
  } else if (small || (pointwise && facts->channels_first) ||
             (facts->channels_first && !release_has_nhwc)) {
    if (choose_im2col(state, "convolutions become products of matrices") &&
        choose_data_tiling(state, "tiles for those products"))
      choose_small_constants(state, "biases are not stored once for each pixel");
    if (small) choose_peeling(state, "small loops without padding");
  } else if (facts->channels_first) {
    choose_channels_last(state, "convolutions are fast with their channels last");
  } else {
    choose_remark(state, "convolutions have their channels last already, which is what is fast");
  }
  static const char *const level[] = {"--iree-opt-level=O3", "--iree-opt-strip-assertions=false",
                                      NULL};
  if (state->options->opt_level == EERIE_COMPILER_O3)
    choose_flags(state, level, level, "the compiler's own level, with checks of sizes kept");
}

// Products of matrices, times of the best set: f32 of 1024 without data tiling 2.3, of 512 1.0
// (with 1.03); an encoder 256 wide without 1.12, at the compiler's level O2 or O3 1.2; int8 of 512
// without 3.5, microkernels 0.97 of the time without them. Vectors times matrices: of a perceptron
// without peeling 1.5, with data tiling as well 1.5; of a decoder's step, whose products have a
// batch of one before them, without data tiling 2 to 3 and peeling makes no difference.
static void choose_for_model(const choose_state_t *state, bool release_has_nhwc) {
  const eerie_compiler_facts_t *facts = state->facts;
  const double convolutions = facts->convolution_macs + facts->depthwise_macs;
  const double wide = facts->product_macs - facts->narrow_product_macs;
  if (convolutions > facts->product_macs) {
    choose_convolutions(state, release_has_nhwc);
  } else if (facts->int8_macs > 0) {
    if (choose_data_tiling(state, "8-bit products reach the CPU's integer instructions by tiles"))
      choose_microkernels(state, "8-bit products have kernels of their own");
  } else if (wide > facts->product_macs / 2) {
    choose_data_tiling(state, "most of the work is products of wide matrices");
  } else if (facts->narrow_batch_macs > facts->product_macs / 2) {
    // Packed by the compiler, the weights of a decoder's step take 1.2 to 1.4 of the time.
    static const char *const flags[] = {"--iree-opt-data-tiling", NULL};
    static const char *const related[] = {"--iree-opt-data-tiling", "--iree-global-opt-data-tiling",
                                          "--iree-dispatch-creation-data-tiling", NULL};
    choose_flags(state, flags, related, "most of the work is batches of vectors times matrices");
  } else if (!facts->products) {
    choose_remark(state, "no large products or convolutions: the compiler's defaults");
  } else if (!choose_peeling(state, "most of the work is vectors times matrices")) {
    choose_remark(state, "vectors times matrices: the compiler's defaults");
  }
  choose_execution(state);
}

// ---- What there is to choose for ---------------------------------------------------------------

// The compiler's own level, where the caller asked for one.
static void choose_level(const choose_state_t *state) {
  static const char *const levels[][3] = {
      {NULL},
      {"--iree-opt-level=O0", NULL},
      {"--iree-opt-level=O1", "--iree-opt-strip-assertions=false", NULL},
      {"--iree-opt-level=O2", "--iree-opt-strip-assertions=false", NULL},
      {"--iree-opt-level=O3", "--iree-opt-strip-assertions=false", NULL}};
  choose_flags(state, levels[state->options->opt_level], levels[state->options->opt_level],
               "the compiler's own level, with checks of sizes kept");
}

static void choose_unseen(const choose_state_t *state, const char *why) {
  choose_remark(state, "nothing is chosen by the model: %s", why);
  choose_level(state);
}

static bool choose_is_cpu(const char *const *targets, size_t target_count) {
  eerie_compiler_target_info_t info;
  for (size_t t = 0; t < target_count; ++t) {
    const size_t size = strcspn(targets[t], ":");
    bool good = strcmp(targets[t], "native") == 0 || strcmp(targets[t], "armhf") == 0 ||
                (size == 5 && strncmp(targets[t], "arm64", size) == 0);
    for (size_t i = 0; !good && eerie_compiler_target_at(i, &info); ++i)
      good = strcspn(info.name, "[:") == size && memcmp(info.name, targets[t], size) == 0 &&
             strcmp(info.device, "local") == 0 && !info.static_library &&
             strcmp(info.name, "vmvx") != 0;
    if (!good) return false;
  }
  return target_count > 0;
}

// IR after input conversion, without the weights' bytes.
static eerie_status_t choose_print_input(eerie_compiler_t *compiler,
                                         const eerie_compile_options_t *options,
                                         eerie_compiler_output_t **out_output, eerie_error_t *err) {
  static const char *const elision[] = {"--mlir-elide-elementsattrs-if-larger=8",
                                        "--mlir-elide-resource-strings-if-larger=8"};
  *out_output = NULL;
  const char **flags =
      ee_compiler_resize(&compiler->allocator, NULL, 0, (options->flag_count + 2) * sizeof *flags);
  if (!flags) return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for flags");
  size_t count = 0;
  for (size_t i = 0; i < options->flag_count; ++i)
    flags[count++] = options->flags[i];
  // Set for the whole process, flags are not the child's to set.
  for (size_t i = 0; i < 2 && ee_library_has_children && !ee_library.has_global_flags; ++i)
    flags[count++] = elision[i];
  const eerie_compile_options_t look = {.source_path = options->source_path,
                                        .source = options->source,
                                        .source_size = options->source_size,
                                        .source_name = options->source_name,
                                        .input_type = options->input_type,
                                        .flags = flags,
                                        .flag_count = count,
                                        .compile_to = "input",
                                        .format = EERIE_COMPILER_IR_TEXT,
                                        .skip_verify = true,
                                        .isolated = true,
                                        .time_limit_ms = options->time_limit_ms,
                                        .memory_limit = options->memory_limit};
  const eerie_status_t status = ee_compile_quietly(compiler, &look, out_output, err);
  ee_compiler_resize(&compiler->allocator, (void *)flags, (options->flag_count + 2) * sizeof *flags,
                     0);
  return status;
}

static bool choose_look(eerie_compiler_t *compiler, const eerie_compile_options_t *options,
                        eerie_compiler_facts_t *out_facts) {
  eerie_compiler_output_t *output = NULL;
  const void *text = NULL;
  size_t size = 0;
  bool good = !choose_print_input(compiler, options, &output, NULL) &&
              !eerie_compiler_output_map(output, &text, &size, NULL);
  if (good) ee_facts_scan(text, size, out_facts);
  eerie_compiler_output_release(output);
  return good;
}

// Releases before 3.13 make scalar code of convolutions with channels last.
static bool choose_release_has_nhwc(eerie_compiler_t *compiler) {
  eerie_compiler_info_t info;
  int major = 0, minor = 0;
  return !eerie_compiler_get_info(compiler, &info, NULL) &&
         sscanf(info.release, "%d.%d", &major, &minor) == 2 &&
         (major > 3 || (major == 3 && minor >= 13));
}

eerie_status_t eerie_compiler_choose_flags(eerie_compiler_t *compiler,
                                           const eerie_compile_options_t *options,
                                           eerie_compiler_choice_fn on_choice, void *user,
                                           eerie_compiler_facts_t *out_facts, eerie_error_t *err) {
  eerie_compiler_facts_t facts = {0};
  if (out_facts) *out_facts = facts;
  if (!options->source_path == !options->source)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                            "a compile takes either a path or bytes as its source");
  if ((unsigned)options->opt_level > EERIE_COMPILER_O3)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "there is no optimisation level %d",
                            (int)options->opt_level);
  const choose_state_t state = {
      .options = options, .on_choice = on_choice, .user = user, .facts = &facts};
  const char *const *targets = options->targets ? options->targets : &options->target;
  const size_t target_count = options->targets ? options->target_count : options->target != NULL;
  if (options->opt_level == EERIE_COMPILER_O0 || options->opt_level == EERIE_COMPILER_O1) {
    choose_level(&state);
    return EERIE_OK;
  }
  if (options->pipeline != EERIE_COMPILER_STANDARD || options->compile_from || options->split_input)
    choose_unseen(&state, "pieces and phases of a compilation are not looked at");
  else if (!choose_is_cpu(targets, target_count))
    choose_unseen(&state, "flags by the model are known for CPUs only");
  else if (options->source_path && strcmp(options->source_path, "-") == 0)
    choose_unseen(&state, "a source that can be read only once is not looked at");
  else if (!choose_look(compiler, options, &facts))
    choose_remark(&state, "nothing is chosen: the compiler does not understand the source");
  else
    choose_for_model(&state, choose_release_has_nhwc(compiler));
  if (out_facts) *out_facts = facts;
  return EERIE_OK;
}
