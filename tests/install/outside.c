// outside.c: a user's first program, built against an installed Eerie.
#include <eerie/eerie.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  eerie_error_t err = {EERIE_OK, 0, NULL, ""};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  if (eerie_instance_create(NULL, &instance, &err) ||
      eerie_device_open(instance, "local-sync", &device, &err)) {
    fprintf(stderr, "%s: %s\n", eerie_status_name(err.code), err.message);
    return 1;
  }
  printf("eerie %s on %s\n", eerie_version(), eerie_device_name(device));
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", EERIE_VERSION_MAJOR, EERIE_VERSION_MINOR,
           EERIE_VERSION_PATCH);
  const int same = strcmp(version, eerie_version()) == 0;
  eerie_device_release(device);
  eerie_instance_release(instance);
  return same ? 0 : 1;
}
