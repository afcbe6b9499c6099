// targets.h: the table of targets (target_rows.c), for targets.c.
#ifndef EERIE_COMPILER_TARGETS_H_
#define EERIE_COMPILER_TARGETS_H_

#include <stdbool.h>

// What all levels of a CPU have in common.
typedef struct ee_target_machine {
  const char *triple;    // NULL: this machine's
  const char *format;    // of executables; one of a kind in a module. NULL: static kernels
  const char *abi;       // or NULL
  const char *float_abi; // or NULL
} ee_target_machine_t;

typedef enum ee_target_kind { TARGET_CPU, TARGET_STATIC, TARGET_VMVX, TARGET_GPU } ee_target_kind_t;

typedef struct ee_target_row {
  const char *name;
  const char *alias; // another spelling, or NULL
  const char *usage; // with its argument; NULL: it takes none
  const char *description;
  ee_target_kind_t kind;
  bool argument_required;

  // CPU, STATIC, and of VMVX the format:
  const ee_target_machine_t *machine;
  const char *cpu; // default of the argument
  const char *features;
  const char
      *variant;    // what tells it from the least of its format, "avx2+fma"; NULL: it is the least
  int rank;        // place among the variants of its format, from 1 on, the best first
  int vector_size; // bytes of a vector register; 0: 16
  // The compiler derives the features from the CPU's name, as it does on x86 and aarch64 only.
  bool derived_features;

  // GPU:
  const char *device;        // name of the compiler's device
  const char *argument_flag; // that takes what follows the colon
  const char *argument;      // its default; NULL: the compiler's
} ee_target_row_t;

enum { EE_TARGET_COUNT = 25 };
extern const ee_target_row_t ee_target_rows[EE_TARGET_COUNT];

#endif // EERIE_COMPILER_TARGETS_H_
