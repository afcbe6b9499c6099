// eerie_parameters.h: weights that live outside of the module.
//
// A model may be compiled so that its weights stay in a file of their own: the module then asks for
// "scope::key". A set of parameters is one scope: keys, and where the bytes of each are. It is made
// of archives (.irpa, .gguf, .safetensors), which are mapped, not read, and of the caller's own
// memory. Programs are given the sets that they may look into:
//
//   eerie_parameters_t *weights = NULL;
//   eerie_parameters_create(instance, "model", &weights, &err);
//   eerie_parameters_add_file(weights, "model.safetensors", NULL, &err);
//   eerie_program_create(instance, &(eerie_program_options_t){
//       .module = module, .device = device, .parameters = &weights, .parameters_count = 1},
//       &program, &err);
//
// Weights are used where they lie in the mapping when their address is a multiple of
// EERIE_BUFFER_ALIGNMENT and the set is not writable; others are copied, once, when the program is
// created.
//
// A set belongs to one thread while it is being filled; afterwards any number of programs on any
// threads may use it.
#ifndef EERIE_EERIE_PARAMETERS_H_
#define EERIE_EERIE_PARAMETERS_H_

#include "eerie/eerie.h"

#ifdef __cplusplus
extern "C" {
#endif

// Creates an empty set that answers for `scope` ("" : for keys without a scope; NULL is the same).
// The text is copied. Sets are looked at in the order in which a program got them; several may have
// one scope, then the first that has the key answers.
EERIE_API eerie_status_t eerie_parameters_create(eerie_instance_t *instance, const char *scope,
                                                 eerie_parameters_t **out_parameters,
                                                 eerie_error_t *err);
EERIE_API void eerie_parameters_retain(eerie_parameters_t *parameters);
EERIE_API void eerie_parameters_release(eerie_parameters_t *parameters);
// Borrowed.
EERIE_API const char *eerie_parameters_scope(const eerie_parameters_t *parameters);

typedef struct eerie_parameters_options {
  // The module may write its parameters back (io_parameters.scatter): the file is changed. Without
  // it such a write is PERMISSION_DENIED.
  bool writable;
  // For eerie_parameters_add_memory and eerie_parameters_add: called once with `user` when the
  // bytes are no longer needed. NULL: the caller keeps them until all that used them is gone.
  void (*release)(void *user, const void *data, size_t size);
  void *user;
} eerie_parameters_options_t;

// Adds every parameter of an archive, whose format is told from its first bytes. `options` may be
// NULL. NOT_FOUND, PERMISSION_DENIED: the file. INVALID_ARGUMENT: none of the formats. DATA_LOSS:
// truncated or damaged; the message names the part. INCOMPATIBLE, UNIMPLEMENTED: a version or a
// type that this build does not know. ALREADY_EXISTS: a key that the set has. On failure the set is
// as it was before. The file must not be changed by others while it is in use.
EERIE_API eerie_status_t eerie_parameters_add_file(eerie_parameters_t *parameters, const char *path,
                                                   const eerie_parameters_options_t *options,
                                                   eerie_error_t *err);
// The same from memory, which is borrowed, and written only when `options` says `writable`. On
// failure `release` is not called.
EERIE_API eerie_status_t eerie_parameters_add_memory(eerie_parameters_t *parameters, void *data,
                                                     size_t size,
                                                     const eerie_parameters_options_t *options,
                                                     eerie_error_t *err);

// How the bytes of a parameter are encoded. Quantised types of GGUF are raw bytes to a module.
typedef struct eerie_parameter_info {
  const char *key;  // NUL-terminated; borrowed from the set, as are all pointers here
  uint64_t size;    // bytes, as a module sees them
  const void *data; // NULL for a splat; in a mapping: reading brings the bytes into memory
  // A splat: `pattern_size` (1, 2, 4, 8 or 16) bytes that repeat. 0 for stored bytes.
  uint8_t pattern_size;
  uint8_t pattern[16];
  // What the file tells beyond the bytes, as .safetensors and .gguf do; .irpa does not.
  eerie_dtype_t dtype;    // NONE: not told, or a type that only `type_name` can name
  const char *type_name;  // as the file spells it: "F32", "BF16", "Q4_K"; "" when not told
  size_t rank;            // SIZE_MAX: not told
  const int64_t *shape;   // row-major, outermost first
  const char *source;     // the file's path; "" for memory
  uint64_t source_offset; // of the bytes in that file
} eerie_parameter_info_t;

// Adds one parameter of the caller's memory. Only `key`, `size`, `data` or pattern, `dtype`, `rank`
// and `shape` of `info` are looked at; key and shape are copied, the bytes borrowed.
// ALREADY_EXISTS: the key. INVALID_ARGUMENT: bytes without `data` or pattern, a pattern of another
// size or that does not divide `size`, a shape with a negative dimension. On failure `release` is
// not called.
EERIE_API eerie_status_t eerie_parameters_add(eerie_parameters_t *parameters,
                                              const eerie_parameter_info_t *info,
                                              const eerie_parameters_options_t *options,
                                              eerie_error_t *err);

// Adds parameter `source_key` of another set, under `key` (NULL: the same); the bytes are shared,
// and kept alive by both. NOT_FOUND: `source_key`. ALREADY_EXISTS: the key.
EERIE_API eerie_status_t eerie_parameters_add_from(eerie_parameters_t *parameters, const char *key,
                                                   const eerie_parameters_t *source,
                                                   const char *source_key, eerie_error_t *err);

EERIE_API size_t eerie_parameters_count(const eerie_parameters_t *parameters);
// Parameter number `index`, in the order of adding; false past the last.
EERIE_API bool eerie_parameters_entry(const eerie_parameters_t *parameters, size_t index,
                                      eerie_parameter_info_t *out_info);
// NOT_FOUND names scope and key.
EERIE_API eerie_status_t eerie_parameters_find(const eerie_parameters_t *parameters,
                                               const char *key, eerie_parameter_info_t *out_info,
                                               eerie_error_t *err);

// Tells `observe` of every piece that a module asks of this scope, found or not, before anything
// can fail for it: `size` bytes from byte `offset` of `key` on, which has `key_size` characters and
// no NUL. Modules ask while a program is created, seldom in calls; `observe` is called on that
// thread. Set before programs use the set; NULL ends it.
EERIE_API void eerie_parameters_observe(eerie_parameters_t *parameters,
                                        void (*observe)(void *user, const char *key,
                                                        size_t key_size, uint64_t offset,
                                                        uint64_t size, bool found),
                                        void *user);

typedef enum eerie_parameters_format {
  EERIE_PARAMETERS_IRPA = 0,    // keeps splats; bytes aligned to 64
  EERIE_PARAMETERS_SAFETENSORS, // splats are written out; a dtype or shape that is not known is U8
} eerie_parameters_format_t;

typedef struct eerie_parameters_write_options {
  // Called after every few megabytes; may be NULL. Anything but EERIE_OK stops the writing and is
  // returned.
  eerie_status_t (*progress)(void *user, uint64_t done, uint64_t total);
  void *user;
} eerie_parameters_write_options_t;

// Writes the whole set as one archive, front to back, through `write`, which returns EERIE_OK or
// the status to fail with. `options` may be NULL. INVALID_ARGUMENT: a key that the format cannot
// have; the message names it.
EERIE_API eerie_status_t eerie_parameters_write(
    const eerie_parameters_t *parameters, eerie_parameters_format_t format,
    eerie_status_t (*write)(void *user, const void *data, size_t size), void *user,
    const eerie_parameters_write_options_t *options, eerie_error_t *err);

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_PARAMETERS_H_
