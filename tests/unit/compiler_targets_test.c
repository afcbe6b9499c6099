// Targets and diagnostics: the tables and the taking apart of text, without a compiler.
#define _GNU_SOURCE

#include "compiler/internal.h"
#include "unit/compiler_support.h"

static char flags_text[8192];

// The flags of targets, a line each; on an error its message.
static const char *flags_of(const char *const *targets, size_t count, const char *static_path) {
  texts_t *texts = calloc(1, sizeof *texts);
  if (!CHECK(texts)) return "";
  eerie_error_t err = {0};
  const eerie_status_t status =
      eerie_compiler_target_flags(targets, count, static_path, hear_text, texts, &err);
  if (status) CHECK_EQ_INT(status, EERIE_INVALID_ARGUMENT);
  snprintf(flags_text, sizeof flags_text, "%.8000s", status ? err.message : texts->all);
  free(texts);
  return flags_text;
}

static const char *flags_of_one(const char *target) {
  return flags_of(&target, 1, "k.o");
}

static void knows_each_target_it_lists(void) {
  eerie_compiler_target_info_t info;
  size_t count = 0;
  for (; eerie_compiler_target_at(count, &info); ++count) {
    CHECK(info.name && info.description && info.device);
    char name[64];
    snprintf(name, sizeof name, "%s", info.name);
    char *bracket = strchr(name, '[');
    if (bracket) *bracket = 0; // "cuda[:ARCH]" works without
    CHECK_CONTAINS(flags_of_one(name), "--iree-hal-target-device=");
  }
  CHECK(count > 15);
  CHECK(!eerie_compiler_target_at(count, &info));
  CHECK(info.name == NULL);
}

static void host_goes_with_no_levels(void) {
  static const char *const targets[] = {"host", "aarch64", "aarch64-dotprod"};
  CHECK_CONTAINS(flags_of(targets, 3, NULL), "host does not go with several levels of a CPU");
  CHECK_CONTAINS(flags_of(targets, 2, NULL), "--iree-llvmcpu-target-cpu=host\n");
}

static void maps_names_to_flags(void) {
  CHECK_STR(flags_of_one("host"), "--iree-hal-local-target-device-backends=llvm-cpu\n"
                                  "--iree-llvmcpu-target-cpu=host\n"
                                  "--iree-hal-target-device=local\n");
  char host[8192];
  strcpy(host, flags_of_one("host"));
  CHECK_STR(flags_of_one("native"), host);
  CHECK_STR(flags_of_one("cuda:sm_75"), "--iree-cuda-target=sm_75\n"
                                        "--iree-hal-target-device=cuda\n");
  CHECK_CONTAINS(flags_of_one("cuda"), "--iree-cuda-target=sm_80\n");
  CHECK_CONTAINS(flags_of_one("hip:gfx942"), "--iree-rocm-target=gfx942\n");
  CHECK_STR(flags_of_one("metal"), "--iree-hal-target-device=metal\n");
  CHECK_CONTAINS(flags_of_one("aarch64:cortex-a72"), "--iree-llvmcpu-target-cpu=cortex-a72\n");
  const char *static_flags = flags_of_one("cortex-m4f");
  CHECK_CONTAINS(static_flags, "--iree-llvmcpu-static-library-output-path=k.o\n");
  CHECK_CONTAINS(static_flags, "--iree-llvmcpu-target-float-abi=hard\n");
  CHECK_CONTAINS(flags_of_one("cortex-m4"), "--iree-llvmcpu-target-float-abi=soft\n");
  CHECK_CONTAINS(flags_of_one("rv32imac"), "--iree-llvmcpu-target-abi=ilp32\n");
}

static void joins_targets_in_one_module(void) {
  const char *targets[] = {"vulkan", "aarch64", "vmvx", "host", "cuda", "host"};
  const char *flags = flags_of(targets, 6, NULL);
  // The host leads the CPUs, whatever the order; the other is an attribute.
  CHECK_CONTAINS(flags, "--iree-llvmcpu-target-cpu=host\n");
  CHECK_CONTAINS(flags, "--iree-hal-target-device=vulkan,local,cuda,#hal.device.target<\"local\"");
  CHECK_CONTAINS(flags, "--iree-hal-link-executables=false\n");
  CHECK_CONTAINS(flags, "embedded-elf-arm_64");
  CHECK_CONTAINS(flags, "backends=llvm-cpu\n--iree-hal-local-target-device-backends=vmvx\n");
  CHECK(strstr(flags_of_one("vulkan"), "link-executables") == NULL);
}

static void levels_of_a_cpu_go_into_one_device(void) {
  const char *targets[] = {"vulkan", "x86-64", "x86-64-v3", "aarch64", "vmvx"};
  const char *flags = flags_of(targets, 5, NULL);
  CHECK_CONTAINS(flags, "--iree-hal-target-device=vulkan,#hal.device.target<\"local\", [");
  CHECK(strstr(flags, "target-cpu=") == NULL);
  CHECK_CONTAINS(flags, "\"embedded-elf+2-x86_64+avx2+fma+f16c\"");
  CHECK_CONTAINS(flags, "\"embedded-elf-x86_64\"");
  CHECK_CONTAINS(flags, "\"vmvx-bytecode-fb\"");
  CHECK_CONTAINS(flags, "\"embedded-elf-arm_64\"");
  const char *local_first[] = {"aarch64", "aarch64-dotprod", "vulkan"};
  CHECK_CONTAINS(flags_of(local_first, 3, NULL), "]>,vulkan\n");
  const char *alone[] = {"x86-64-v3", "aarch64"};
  CHECK_CONTAINS(flags_of(alone, 2, NULL), "--iree-llvmcpu-target-cpu=x86-64-v3\n");
}

static void refuses_what_cannot_be(void) {
  CHECK_CONTAINS(flags_of_one("toaster"), "no target is called toaster");
  CHECK_CONTAINS(flags_of_one("toaster"), "x86-64-v3");
  CHECK_CONTAINS(flags_of_one("rocm"), "rocm:ARCH");
  CHECK_CONTAINS(flags_of_one("cuda:"), "incomplete");
  CHECK_CONTAINS(flags_of_one("metal:m1"), "nothing after a colon");
  CHECK_CONTAINS(flags_of_one(""), "no target is called");
  const char *levels[] = {"host", "x86-64"};
#if defined(__x86_64__)
  CHECK_CONTAINS(flags_of(levels, 2, NULL), "same kernel format");
#else
  (void)levels;
#endif
  const char *named[] = {"aarch64:cortex-a72", "aarch64:cortex-a53"};
  CHECK_CONTAINS(flags_of(named, 2, NULL), "same kernel format");
  const char *architectures[] = {"cuda:sm_75", "cuda:sm_80"};
  CHECK_CONTAINS(flags_of(architectures, 2, NULL), "one architecture");
  const char *mixed[] = {"cortex-m4", "vulkan"};
  CHECK_CONTAINS(flags_of(mixed, 2, "k.o"), "static kernels go alone");
  const char *alone[] = {"cortex-m4"};
  CHECK_CONTAINS(flags_of(alone, 1, NULL), "static_library_path");
  char name[5000];
  memset(name, 'x', sizeof name);
  memcpy(name, "cuda:", 5);
  name[sizeof name - 1] = 0;
  CHECK_CONTAINS(flags_of_one(name), "more than");
  CHECK_STR(flags_of(NULL, 0, NULL), "");
}

static void names_the_phases_in_order(void) {
  CHECK_STR(eerie_compiler_phase_at(0), "start");
  size_t count = 0;
  while (eerie_compiler_phase_at(count))
    ++count;
  CHECK_EQ_INT(count, 14);
  CHECK_STR(eerie_compiler_phase_at(count - 1), "end");
}

// ---- Diagnostics -------------------------------------------------------------------------------

static char told[4096];

static void tell(void *user, const eerie_compiler_diagnostic_t *d) {
  (void)user;
  const size_t at = strlen(told);
  snprintf(told + at, sizeof told - at, "[%s|%s|%u|%u|%.*s]",
           eerie_compiler_severity_name(d->severity), d->file ? d->file : "", d->line, d->column,
           (int)d->message_size, d->message);
}

static const char *parts_of(const char *text) {
  told[0] = 0;
  ee_diagnostics_deliver(EERIE_COMPILER_ERROR, text, strlen(text), tell, NULL);
  return told;
}

static void takes_diagnostics_apart(void) {
  CHECK_STR(parts_of("a.mlir:2:8: no such op"), "[error|a.mlir|2|8|no such op]");
  CHECK_STR(parts_of("C:/x y/a.mlir:2:8: m"), "[error|C:/x y/a.mlir|2|8|m]");
  CHECK_STR(parts_of("loc(unknown): bad"), "[error||0|0|bad]");
  CHECK_STR(parts_of("loc(fused[\"a\", \"b(c)\"]): bad"), "[error||0|0|bad]");
  CHECK_STR(parts_of("a:1:2: m\n\nb:3:4: called from\n\nloc(unknown): see"),
            "[error|a|1|2|m][note|b|3|4|called from][note||0|0|see]");
  // An empty line in a message is no new part.
  CHECK_STR(parts_of("a:1:2: m\n\nmore text"), "[error|a|1|2|m\n\nmore text]");
  CHECK_STR(parts_of("within split at a.mlir:10 offset :3:5: m"), "[error|a.mlir|12|5|m]");
  CHECK_STR(parts_of("within split at a:b.mlir:1 offset :1:5: m"), "[error|a:b.mlir|1|5|m]");
  CHECK_STR(parts_of(""), "[error||0|0|]");
  CHECK_STR(parts_of("plain"), "[error||0|0|plain]");
  CHECK_STR(parts_of("a:99999999999:1: m"), "[error||0|0|a:99999999999:1: m]");
  CHECK_STR(parts_of("a:1:2:"), "[error||0|0|a:1:2:]");
  CHECK_STR(parts_of("\n\n"), "[error||0|0|\n\n]");
  CHECK_STR(parts_of("loc("), "[error||0|0|loc(]");
}

static void compares_flags_by_name(void) {
  CHECK(ee_flags_same_name("--a=1", "--a=2"));
  CHECK(ee_flags_same_name("-a", "--a=2"));
  CHECK(!ee_flags_same_name("--a", "--ab"));
  CHECK(!ee_flags_same_name("--ab=1", "--a=1"));
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(knows_each_target_it_lists),
      RUN(host_goes_with_no_levels),
      RUN(maps_names_to_flags),
      RUN(joins_targets_in_one_module),
      RUN(levels_of_a_cpu_go_into_one_device),
      RUN(refuses_what_cannot_be),
      RUN(names_the_phases_in_order),
      RUN(takes_diagnostics_apart),
      RUN(compares_flags_by_name),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
