// devices.c: `eerie devices`: what --device= can name.
#include "cli.h"
#include "eerie/eerie.h"
#include "json.h"

// Of the CPU: itself.
static const char *target_of(const eerie_device_info_t *info) {
  return info->target ? info->target : "host";
}

static void print(const eerie_device_info_t *info) {
  printf("%-16s %-8s %s\n", info->name, info->driver, info->description);
  if (info->limits) printf("%25s %s\n", "", info->limits);
  if (info->uuid)
    printf("%25s --target=%s  --device=%s:%s\n", "", target_of(info), info->driver, info->uuid);
}

static int print_json(eerie_instance_t *instance) {
  ee_cli_json_t json = {0};
  eerie_device_info_t info;
  ee_cli_json_open(&json, NULL, '[');
  for (size_t i = 0; eerie_device_list(instance, i, &info); ++i) {
    ee_cli_json_open(&json, NULL, '{');
    ee_cli_json_string(&json, "name", info.name);
    ee_cli_json_string(&json, "driver", info.driver);
    ee_cli_json_string(&json, "description", info.description);
    ee_cli_json_string(&json, "target", target_of(&info));
    if (info.uuid) ee_cli_json_string(&json, "uuid", info.uuid);
    if (info.limits) ee_cli_json_string(&json, "limits", info.limits);
    ee_cli_json_close(&json, '}');
  }
  ee_cli_json_close(&json, ']');
  return ee_cli_json_print(&json);
}

static int list(bool as_json) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  const eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
  if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
  int exit_code = EE_CLI_OK;
  eerie_device_info_t info;
  if (as_json) {
    exit_code = print_json(instance);
  } else {
    for (size_t i = 0; eerie_device_list(instance, i, &info); ++i)
      print(&info);
  }
  eerie_instance_release(instance);
  return exit_code;
}

int eerie_cli_devices(int argc, char **argv) {
  bool as_json = false;
  const ee_cli_option_t table[] = {
      {"json", NULL, EE_CLI_SWITCH, &as_json, "print JSON"},
  };
  const ee_cli_command_t command = {.name = "devices",
                                    .summary = "list the devices that can run modules",
                                    .arguments = "[--json]",
                                    .notes = "For a GPU its limits, the --target of eerie compile "
                                             "that suits it, and a name that it keeps.\n\n"
                                             "Example:\n  eerie devices\n  eerie run "
                                             "--device=local-sync --module=mul.vmfb ...\n",
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, NULL, &exit_code)) exit_code = list(as_json);
  return ee_cli_flush_stdout(exit_code);
}
