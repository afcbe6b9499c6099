// tool_flags.c: flags of iree-run-module 3.13.0 that have nothing to set here, so that scripts
// which carry them keep working.
#include <string.h>

#include "cli.h"

// What tunes or watches IREE's own machinery: threads, caches, drivers that are not these.
static const char *const tuning[] = {
    "task_*",  "cuda_*",   "hip_*",          "vulkan_*",         "device_lead_allocator",
    "metal_*", "amdgpu_*", "parameter_mode", "device_allocator",
};

// What would write or print something. Only at their defaults, which ask for nothing.
static const struct {
  const char *name, *nothing, *what;
} asking[] = {
    {"trace_execution", "false", "instructions are not traced; see eerie inspect --disassemble"},
    {"device_profiling_*", "", "see eerie profile"},
    {"print_device_statistics", "false", "see --print_statistics"},
    {"device_capture_*", "", "there is no external profiler"},
    {"device_replay_*", "", "calls are not recorded"},
    {"instrument_file", "", "modules are not instrumented"},
    {"dump_devices", "false", "see eerie devices"},
    {"dump_task_topologies", "false", "see eerie devices"},
    {"agents_md", "false", "there is no such text"},
};

static bool matches(const char *pattern, const char *name, size_t length) {
  const size_t size = strlen(pattern);
  const bool prefix = size && pattern[size - 1] == '*';
  if (prefix ? length < size - 1 : length != size) return false;
  for (size_t i = 0; i < size - prefix; ++i)
    if (pattern[i] != (name[i] == '-' ? '_' : name[i])) return false;
  return true;
}

static bool asks_for_nothing(const char *nothing, const char *value) {
  if (!value) return false;
  return !*value || strcmp(value, nothing) == 0 || strcmp(value, "-1") == 0 ||
         strcmp(value, "0") == 0;
}

bool ee_cli_tool_flag(const char *name, size_t length, const char *value, int *out_exit) {
  *out_exit = EE_CLI_OK;
  for (size_t i = 0; i < sizeof tuning / sizeof tuning[0]; ++i)
    if (matches(tuning[i], name, length)) return true;
  for (size_t i = 0; i < sizeof asking / sizeof asking[0]; ++i) {
    if (!matches(asking[i].name, name, length)) continue;
    if (!asks_for_nothing(asking[i].nothing, value))
      *out_exit = ee_cli_fail(EE_CLI_USAGE, "--%.*s: %s (UNIMPLEMENTED)", (int)length, name,
                              asking[i].what);
    return true;
  }
  return false;
}
