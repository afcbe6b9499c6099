// embed_build.c: how the written sources are compiled: for CMake and for make.
#include "embed.h"

// Functions that LLVM calls and libgcc for ARMv6-M has by their names of the ARM ABI alone.
// Source of the names: "Run-time ABI for the Arm Architecture", 5.1; symbols of libgcc 12.
static const struct {
  const char *called, *there;
} old_helpers[] = {
    {"__addsf3", "__aeabi_fadd"},     {"__subsf3", "__aeabi_fsub"},
    {"__mulsf3", "__aeabi_fmul"},     {"__divsf3", "__aeabi_fdiv"},
    {"__adddf3", "__aeabi_dadd"},     {"__subdf3", "__aeabi_dsub"},
    {"__muldf3", "__aeabi_dmul"},     {"__divdf3", "__aeabi_ddiv"},
    {"__extendsfdf2", "__aeabi_f2d"}, {"__truncdfsf2", "__aeabi_d2f"},
    {"__floatsisf", "__aeabi_i2f"},   {"__floatunsisf", "__aeabi_ui2f"},
    {"__floatsidf", "__aeabi_i2d"},   {"__floatunsidf", "__aeabi_ui2d"},
    {"__fixsfsi", "__aeabi_f2iz"},    {"__fixdfsi", "__aeabi_d2iz"},
    {"__unordsf2", "__aeabi_fcmpun"}, {"__unorddf2", "__aeabi_dcmpun"},
};

bool ee_cli_embed_needs_math(const ee_cli_embed_model_t *model) {
  return ee_cli_embed_object_calls(model->object, "fmaximumf") ||
         ee_cli_embed_object_calls(model->object, "fminimumf");
}

// -Wl,--defsym=... for each helper that the kernels call by a name that is not there.
static void write_link_flags(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  ee_cli_text_string(text, " -Wl,--gc-sections");
  for (size_t i = 0; model->target->old_helpers && i < sizeof old_helpers / sizeof *old_helpers;
       ++i)
    if (ee_cli_embed_object_calls(model->object, old_helpers[i].called))
      ee_cli_text_printf(text, " -Wl,--defsym=%s=%s", old_helpers[i].called, old_helpers[i].there);
}

void ee_cli_embed_write_cmake(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  const char *p = model->prefix;
  ee_cli_text_printf(text,
                     "# Written by `eerie embed`. add_subdirectory() this folder from a project "
                     "for %s and link to `%s`.\n"
                     "add_library(%s STATIC %s.c%s)\n"
                     "target_include_directories(%s PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})\n",
                     model->target->name, p, p, p,
                     ee_cli_embed_needs_math(model) ? " " EE_CLI_EMBED_MATH : "", p);
  if (model->object->query)
    ee_cli_text_printf(text,
                       "target_link_libraries(%s PUBLIC "
                       "${CMAKE_CURRENT_SOURCE_DIR}/%s_kernels.o)\n",
                       p, p);
  ee_cli_text_printf(text,
                     "target_compile_features(%s PUBLIC c_std_11)\n"
                     "separate_arguments(%s_FLAGS UNIX_COMMAND\n  \"%s",
                     p, p, model->target->flags);
  ee_cli_text_printf(text,
                     "\")\n"
                     "target_compile_options(%s PUBLIC ${%s_FLAGS} PRIVATE -Os "
                     "-ffunction-sections -fdata-sections)\n"
                     "separate_arguments(%s_LINK_FLAGS UNIX_COMMAND\n  \"%s",
                     p, p, p, model->target->flags);
  write_link_flags(model, text);
  ee_cli_text_printf(text, "\")\ntarget_link_options(%s INTERFACE ${%s_LINK_FLAGS})\n", p, p);
}

void ee_cli_embed_write_make(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  const char *u = model->upper, *p = model->prefix;
  ee_cli_text_printf(text,
                     "# Written by `eerie embed`. include it after setting %s_DIR to this folder.\n"
                     "%s_DIR ?= .\n"
                     "%s_SOURCES := $(%s_DIR)/%s.c",
                     u, u, u, u, p);
  if (ee_cli_embed_needs_math(model)) ee_cli_text_printf(text, " $(%s_DIR)/" EE_CLI_EMBED_MATH, u);
  ee_cli_text_printf(text, "\n%s_OBJECTS :=", u);
  if (model->object->query) ee_cli_text_printf(text, " $(%s_DIR)/%s_kernels.o", u, p);
  ee_cli_text_printf(text, "\n%s_CFLAGS := -I$(%s_DIR) %s", u, u, model->target->flags);
  ee_cli_text_printf(text, "\n%s_LDFLAGS := %s", u, model->target->flags);
  write_link_flags(model, text);
  ee_cli_text_string(text, "\n");
}
