// compile_list.c: what `eerie compile` can be asked for without a source: targets, phases, flags.
#include <string.h>

#include "compile.h"
#include "json.h"

static void compile_print_name(void *user, const char *name) {
  ee_cli_json_t *json = user;
  if (json)
    ee_cli_json_string(json, NULL, name);
  else
    puts(name);
}

int ee_cli_compile_list_targets(bool as_json) {
  eerie_compiler_target_info_t info;
  if (!as_json) {
    for (size_t i = 0; eerie_compiler_target_at(i, &info); ++i)
      printf("%-16s %s\n", info.name, info.description);
    return EE_CLI_OK;
  }
  ee_cli_json_t json = {0};
  ee_cli_json_open(&json, NULL, '[');
  for (size_t i = 0; eerie_compiler_target_at(i, &info); ++i) {
    ee_cli_json_open(&json, NULL, '{');
    ee_cli_json_string(&json, "name", info.name);
    ee_cli_json_string(&json, "description", info.description);
    ee_cli_json_string(&json, "device", info.device);
    ee_cli_json_bool(&json, "static_library", info.static_library);
    ee_cli_json_close(&json, '}');
  }
  ee_cli_json_close(&json, ']');
  return ee_cli_json_print(&json);
}

int ee_cli_compile_list_phases(bool as_json) {
  ee_cli_json_t json = {0};
  if (as_json) ee_cli_json_open(&json, NULL, '[');
  for (size_t i = 0; eerie_compiler_phase_at(i); ++i)
    compile_print_name(as_json ? &json : NULL, eerie_compiler_phase_at(i));
  if (!as_json) return EE_CLI_OK;
  ee_cli_json_close(&json, ']');
  return ee_cli_json_print(&json);
}

int ee_cli_compile_list_plugins(ee_cli_compile_run_t *run) {
  eerie_error_t err = {0};
  ee_cli_json_t json = {0};
  void *sink = run->options->json ? &json : NULL;
  if (!sink) puts("Target backends:");
  if (sink) ee_cli_json_open(&json, NULL, '{');
  if (sink) ee_cli_json_open(&json, "backends", '[');
  eerie_status_t status =
      eerie_compiler_list_backends(run->compiler, compile_print_name, sink, &err);
  if (sink) ee_cli_json_close(&json, ']');
  if (!sink) puts("Plugins:");
  if (sink) ee_cli_json_open(&json, "plugins", '[');
  if (!status) status = eerie_compiler_list_plugins(run->compiler, compile_print_name, sink, &err);
  if (sink) ee_cli_json_close(&json, ']');
  if (sink) ee_cli_json_close(&json, '}');
  if (!status) return sink ? ee_cli_json_print(&json) : EE_CLI_OK;
  ee_cli_text_free(&json.text);
  return ee_cli_fail_error(EE_CLI_FAILED, &err);
}

int ee_cli_compile_print_flags(ee_cli_compile_run_t *run) {
  const ee_cli_compile_options_t *options = run->options;
  const bool all = !*options->flags || strcmp(options->flags, "all") == 0;
  if (!all && strcmp(options->flags, "nondefault") != 0)
    return ee_cli_fail(EE_CLI_USAGE, "--flags: '%s' is none of all, nondefault", options->flags);
  eerie_error_t err = {0};
  eerie_compiler_session_t *session = NULL;
  ee_cli_strings_t target_flags = {0};
  ee_cli_json_t json = {0};
  eerie_status_t status = eerie_compiler_session_create(run->compiler, &session, &err);
  if (!status)
    status = eerie_compiler_target_flags(options->targets.items, options->targets.count, "x.o",
                                         ee_cli_compile_keep_flag, &target_flags, &err);
  if (!status)
    status =
        eerie_compiler_session_set_flags(session, target_flags.items, target_flags.count, &err);
  char named[2][256] = {"", ""};
  if (options->input_type)
    snprintf(named[0], sizeof named[0], "--iree-input-type=%.200s", options->input_type);
  if (options->opt_level)
    snprintf(named[1], sizeof named[1], "--iree-opt-level=O%.8s", options->opt_level);
  for (size_t i = 0; i < 2 && !status; ++i) {
    const char *flag = named[i];
    if (*flag) status = eerie_compiler_session_set_flags(session, &flag, 1, &err);
  }
  if (!status)
    status =
        eerie_compiler_session_set_flags(session, options->raw.items, options->raw.count, &err);
  if (options->json) ee_cli_json_open(&json, NULL, '[');
  if (!status)
    status = eerie_compiler_session_get_flags(session, !all, compile_print_name,
                                              options->json ? &json : NULL, &err);
  if (options->json) ee_cli_json_close(&json, ']');
  int exit_code = EE_CLI_OK;
  if (status)
    exit_code = ee_cli_fail_error(EE_CLI_USAGE, &err);
  else if (options->json)
    exit_code = ee_cli_json_print(&json);
  if (status) ee_cli_text_free(&json.text);
  ee_cli_compile_free_flags(&target_flags);
  eerie_compiler_session_release(session);
  return exit_code;
}
