// registry.c: the formats of archives in this build. A build adds or leaves out a line, and the
// file behind it.
#include "params/params.h"

const ee_params_format_t *const ee_params_formats[] = {
    &ee_params_irpa,
    &ee_params_gguf,
    &ee_params_safetensors, // has no magic number: the last one
    NULL,
};
