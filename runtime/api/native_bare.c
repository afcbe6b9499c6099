// native_bare.c: takes the place of native.c where modules import Eerie's own functions alone.
#include "api/api.h"

eerie_status_t ee_api_natives_create(const ee_api_natives_options_t *options,
                                     ee_api_natives_t **out_natives, eerie_error_t *err) {
  *out_natives = NULL;
  if (options->native_count == 0) return EERIE_OK;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED, "this build takes no native modules");
}
