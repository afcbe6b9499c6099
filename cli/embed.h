// embed.h: what the files behind `eerie embed` share.
//
//   embed.c           the command: compiles, records, writes
//   embed_target.c    the cores, and what a compiler of C is told for each
//   embed_object.c    the object file with the kernels: their names, numbers and needs
//   embed_access.c    which tensors kernels read and write
//   embed_private.c   copies of constants that kernels write to
//   embed_layout.c    where everything lies: lifetimes, the arena
//   embed_source.c    the constants, and what stands around the functions
//   embed_function.c  a function of the model as a function of C
//   embed_header.c    types and functions for the program that calls the model
//   embed_build.c     CMakeLists.txt and the fragment for make
#ifndef EERIE_CLI_EMBED_H_
#define EERIE_CLI_EMBED_H_

#include "c_names.h"
#include "cli.h"
#include "eerie/eerie_plan.h"
#include "file.h"

// ---- Targets -----------------------------------------------------------------------------------

typedef struct ee_cli_embed_target {
  const char *name;     // of `eerie compile` too
  const char *flags;    // of gcc: CPU, float ABI
  uint16_t machine;     // of the object file
  uint8_t address_size; // bytes
  bool soft_float;
  bool old_helpers; // libgcc has the float functions by their names of the ARM ABI only
} ee_cli_embed_target_t;

// NULL, after a message: there is no such target.
const ee_cli_embed_target_t *ee_cli_embed_target(const char *name);

// ---- The object file ---------------------------------------------------------------------------

typedef struct ee_cli_embed_kernel {
  const char *name; // NULL: the object has no names
  uint8_t constant_count, binding_count;
  uint16_t local_memory_pages;
  uint32_t workgroup_size[3];
} ee_cli_embed_kernel_t;

typedef struct ee_cli_embed_object {
  ee_cli_text_t file;
  const char *query; // the function that leads to the kernels
  ee_cli_embed_kernel_t *kernels;
  size_t kernel_count;
  const char **undefined; // functions that it calls
  size_t undefined_count;
} ee_cli_embed_object_t;

// Reads a static library that the compiler wrote. INCOMPATIBLE: for another machine.
// INVALID_ARGUMENT, DATA_LOSS: none, or damaged.
eerie_status_t ee_cli_embed_object_read(const char *path, const ee_cli_embed_target_t *target,
                                        ee_cli_embed_object_t *out_object, eerie_error_t *err);
void ee_cli_embed_object_free(ee_cli_embed_object_t *object);
bool ee_cli_embed_object_calls(const ee_cli_embed_object_t *object, const char *name);

// ---- What kernels read and write ---------------------------------------------------------------

typedef enum ee_cli_embed_access_kind {
  EE_CLI_EMBED_UNKNOWN,
  EE_CLI_EMBED_READ,
  EE_CLI_EMBED_WRITTEN, // and not read before
  EE_CLI_EMBED_READ_AND_WRITTEN,
} ee_cli_embed_access_kind_t;

typedef struct ee_cli_embed_access ee_cli_embed_access_t;
typedef struct ee_cli_embed_accesses {
  ee_cli_embed_access_t *items;
  size_t count;
} ee_cli_embed_accesses_t;

// Reads what the compiler has dumped into `folder`, and removes it. Nothing that goes wrong here
// matters: what is not known is taken for the worst.
void ee_cli_embed_accesses_read(const char *folder, ee_cli_embed_accesses_t *out_accesses);
void ee_cli_embed_accesses_free(ee_cli_embed_accesses_t *accesses);

// ---- The layout --------------------------------------------------------------------------------

#define EE_CLI_EMBED_ALIGNMENT 64u

// Numbers of memory as in eerie_micro.h; inputs and outputs follow.
enum { EE_CLI_EMBED_CONSTANT, EE_CLI_EMBED_ARENA, EE_CLI_EMBED_STATE, EE_CLI_EMBED_VALUES };

// Bytes of a transient storage that are used together, from their first step to their last: a
// tensor, or several where they cannot be told apart.
typedef struct ee_cli_embed_block {
  bool gone; // became part of block `part_of`
  size_t part_of;
  size_t storage;
  uint64_t begin, end;
  size_t first, last;
  size_t base; // ARENA, or the output that it is
  uint64_t offset;
} ee_cli_embed_block_t;

// Where a step, or a result, names bytes of a transient storage.
typedef struct ee_cli_embed_use {
  const eerie_plan_range_t *range;
  size_t block;
} ee_cli_embed_use_t;

// One function; the one behind the last is initialisation.
typedef struct ee_cli_embed_function {
  const eerie_plan_function_t *plan;
  char *name; // as an identifier
  ee_cli_embed_block_t *blocks;
  size_t block_count;
  ee_cli_embed_use_t *uses;
  size_t use_count;
  uint64_t arena_size;
  uint64_t live_size; // the largest sum of blocks that are needed at once
} ee_cli_embed_function_t;

// An address: an offset in a memory, or in constant number `constant`.
typedef struct ee_cli_embed_place {
  size_t base;
  size_t constant;
  uint64_t offset;
} ee_cli_embed_place_t;

typedef struct ee_cli_embed_model {
  const eerie_plan_t *plan;
  const ee_cli_embed_target_t *target;
  const ee_cli_embed_object_t *object;
  const ee_cli_embed_accesses_t *accesses;
  const char *source; // what the user named
  char *prefix;       // "digits"
  char *upper;        // "DIGITS"
  ee_cli_embed_function_t *functions;
  size_t function_count; // without initialisation
  bool has_init;
  void **owned; // what embed_private.c has allocated
  size_t owned_count;
  uint64_t *state_offsets; // by storage
  uint64_t arena_size, live_size, state_size, constant_size;
  uint64_t unsure_size; // copied because nothing tells whether a kernel writes there
} ee_cli_embed_model_t;

ee_cli_embed_access_kind_t ee_cli_embed_access_of(const ee_cli_embed_model_t *model,
                                                  const eerie_plan_step_t *step, size_t binding);

// Puts a plan in the place of the model's, in which nothing writes to what is read only.
eerie_status_t ee_cli_embed_protect(ee_cli_embed_model_t *model, eerie_error_t *err);
void ee_cli_embed_protect_free(ee_cli_embed_model_t *model);

// Fills functions and sizes from the plan.
eerie_status_t ee_cli_embed_layout(ee_cli_embed_model_t *model, eerie_error_t *err);
void ee_cli_embed_layout_free(ee_cli_embed_model_t *model);
// `range` is one of the plan's own: a binding, target, source or result of this function.
ee_cli_embed_place_t ee_cli_embed_place(const ee_cli_embed_model_t *model,
                                        const ee_cli_embed_function_t *function,
                                        const eerie_plan_range_t *range);
// The place of output `index` itself, and whether the steps leave it somewhere else, so that it has
// to be copied.
ee_cli_embed_place_t ee_cli_embed_output(const ee_cli_embed_function_t *function, size_t index);
bool ee_cli_embed_output_is_apart(const ee_cli_embed_model_t *model,
                                  const ee_cli_embed_function_t *function, size_t index);

// ---- What is written ---------------------------------------------------------------------------

// `number` tells this plan from others.
void ee_cli_embed_write_header(const ee_cli_embed_model_t *model, uint32_t number,
                               ee_cli_text_t *text);
// NOT_FOUND: a kernel that the object lacks. INVALID_ARGUMENT: one that takes something else.
eerie_status_t ee_cli_embed_write_source(const ee_cli_embed_model_t *model, ee_cli_text_t *text,
                                         uint32_t *out_number, eerie_error_t *err);
// The function that the typed ones of the header call: its definition, and its prototype without
// the semicolon.
eerie_status_t ee_cli_embed_write_function(const ee_cli_embed_model_t *model,
                                           const ee_cli_embed_function_t *function,
                                           ee_cli_text_t *text, eerie_error_t *err);
void ee_cli_embed_write_run(const ee_cli_embed_model_t *model,
                            const ee_cli_embed_function_t *function, ee_cli_text_t *text);
// Whether it calls kernels, whether it takes the state.
bool ee_cli_embed_dispatches(const ee_cli_embed_function_t *function);
bool ee_cli_embed_has_state(const ee_cli_embed_model_t *model,
                            const ee_cli_embed_function_t *function);
uint64_t ee_cli_embed_tensor_size(const eerie_type_t *type); // bytes
void ee_cli_embed_write_cmake(const ee_cli_embed_model_t *model, ee_cli_text_t *text);
void ee_cli_embed_write_make(const ee_cli_embed_model_t *model, ee_cli_text_t *text);

// Copies of targets/micro that are in the command.
typedef struct ee_cli_embed_file {
  const char *name;
  const unsigned char *data;
  size_t size;
} ee_cli_embed_file_t;
extern const ee_cli_embed_file_t ee_cli_embed_files[];
extern const size_t ee_cli_embed_file_count;
#define EE_CLI_EMBED_MATH "eerie_micro_math.c"
bool ee_cli_embed_needs_math(const ee_cli_embed_model_t *model);

#endif // EERIE_CLI_EMBED_H_
