// parameters.c: parameter files as commands name them.
#define _POSIX_C_SOURCE 200809L // strndup

#include "parameters.h"

#include <stdlib.h>
#include <string.h>

// The set of a scope of `length` characters, made when there is none yet.
static eerie_status_t find_set(eerie_instance_t *instance, const char *scope, size_t length,
                               ee_cli_parameters_t *parameters, eerie_parameters_t **out_set,
                               eerie_error_t *err) {
  for (size_t i = 0; i < parameters->count; ++i) {
    const char *const known = eerie_parameters_scope(parameters->sets[i]);
    if (strlen(known) != length || memcmp(known, scope, length) != 0) continue;
    *out_set = parameters->sets[i];
    return EERIE_OK;
  }
  char *const name = strndup(scope, length);
  eerie_parameters_t **const sets =
      realloc(parameters->sets, (parameters->count + 1) * sizeof(eerie_parameters_t *));
  if (sets) parameters->sets = sets;
  const eerie_status_t status = name && sets
                                    ? eerie_parameters_create(instance, name, out_set, err)
                                    : ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  free(name);
  if (!status) parameters->sets[parameters->count++] = *out_set;
  return status;
}

int ee_cli_parameters_open(eerie_instance_t *instance, const ee_cli_strings_t *files,
                           ee_cli_parameters_t *out_parameters) {
  eerie_error_t err = {0};
  for (size_t i = 0; i < files->count; ++i) {
    const char *const file = files->items[i], *const equals = strchr(file, '=');
    const size_t length = equals ? (size_t)(equals - file) : 0;
    eerie_parameters_t *set = NULL;
    eerie_status_t status = find_set(instance, file, length, out_parameters, &set, &err);
    if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
    status = eerie_parameters_add_file(set, equals ? equals + 1 : file, NULL, &err);
    if (status) return ee_cli_fail_error(ee_cli_exit_code_of_file(status), &err);
  }
  return EE_CLI_OK;
}

void ee_cli_parameters_close(ee_cli_parameters_t *parameters) {
  for (size_t i = 0; i < parameters->count; ++i)
    eerie_parameters_release(parameters->sets[i]);
  free(parameters->sets);
  *parameters = (ee_cli_parameters_t){0};
}
