// embed_target.c: the cores that firmware is written for.
#include <string.h>

#include "embed.h"

enum { MACHINE_ARM = 40, MACHINE_RISCV = 243 };

#define HARD "-mthumb -mfloat-abi=hard"
#define SOFT "-mthumb -mfloat-abi=soft"

static const ee_cli_embed_target_t targets[] = {
    {"cortex-m0plus", "-mcpu=cortex-m0plus " SOFT, MACHINE_ARM, 4, true, true},
    {"cortex-m3", "-mcpu=cortex-m3 " SOFT, MACHINE_ARM, 4, true, false},
    {"cortex-m4", "-mcpu=cortex-m4 " SOFT, MACHINE_ARM, 4, true, false},
    {"cortex-m4f", "-mcpu=cortex-m4 " HARD " -mfpu=fpv4-sp-d16", MACHINE_ARM, 4, false, false},
    {"cortex-m7", "-mcpu=cortex-m7 " HARD " -mfpu=fpv5-d16", MACHINE_ARM, 4, false, false},
    {"cortex-m55", "-mcpu=cortex-m55 " HARD, MACHINE_ARM, 4, false, false},
    {"rv32imc", "-march=rv32imc -mabi=ilp32", MACHINE_RISCV, 4, true, false},
    {"rv32imac", "-march=rv32imac -mabi=ilp32", MACHINE_RISCV, 4, true, false},
    {"rv32imf", "-march=rv32imf -mabi=ilp32f", MACHINE_RISCV, 4, false, false},
    {"rv64gc", "-march=rv64gc -mabi=lp64d -mcmodel=medany", MACHINE_RISCV, 8, false, false},
};
enum { TARGETS = sizeof targets / sizeof targets[0] };

const ee_cli_embed_target_t *ee_cli_embed_target(const char *name) {
  ee_cli_text_t names = {0};
  for (size_t i = 0; i < TARGETS; ++i) {
    if (strcmp(targets[i].name, name) == 0) {
      ee_cli_text_free(&names);
      return &targets[i];
    }
    ee_cli_text_printf(&names, "%s%s", i ? ", " : "", targets[i].name);
  }
  ee_cli_fail(EE_CLI_USAGE, "--target: firmware is not written for '%s'; there are %s", name,
              names.data ? names.data : "");
  ee_cli_text_free(&names);
  return NULL;
}
