// api.h: what the files of the public interface share. Public handles are the runtime's own objects
// under another name, so that a call across the boundary costs nothing:
//
//   eerie_device_t  ee_hal_device_t        eerie_fence_t   ee_hal_fence_t
//   eerie_tensor_t  ee_hal_buffer_view_t   eerie_buffer_t  ee_vm_buffer_t
//   eerie_module_t  ee_module_t            eerie_list_t    ee_vm_list_t
#ifndef EE_API_API_H_
#define EE_API_API_H_

#include "eerie/eerie.h"

#include "base/allocator.h"
#include "base/object.h"
#include "bridge/bridge.h"
#include "hal/driver.h"
#include "hal/hal.h"
#include "hal/observe.h"
#include "module/module.h"
#include "vm/vm.h"

// The instance is the heap of everything made under it. Its own block counts as bytes of that heap,
// so whoever gives back the last byte, the instance's last reference or a tensor that outlived it,
// also frees the instance.
struct eerie_instance {
  ee_object_t object;
  ee_heap_t heap;
#if EERIE_PROFILE
  ee_observer_t observer; // the heap's, from the first eerie_instance_observe on
#endif
};

#define EE_API_CASTS(public_name, internal_type)                                                   \
  static inline internal_type *ee_api_##public_name(const eerie_##public_name##_t *handle) {       \
    return (internal_type *)(uintptr_t)handle;                                                     \
  }
EE_API_CASTS(device, ee_hal_device_t)
EE_API_CASTS(tensor, ee_hal_buffer_view_t)
EE_API_CASTS(module, ee_module_t)
EE_API_CASTS(fence, ee_hal_fence_t)
EE_API_CASTS(buffer, ee_vm_buffer_t)
EE_API_CASTS(list, ee_vm_list_t)

// One callable export. Lives in the block of its program.
struct eerie_function {
  eerie_program_t *program;
  ee_vm_function_t vm;
  const char *name;
  const char *declaration;
  const char *arguments; // letters of the calling convention, fences of the coarse model included
  const char *results;
  eerie_type_t *inputs; // and the outputs behind them
  eerie_type_t *outputs;
  size_t input_count;
  size_t output_count;
  size_t storage_size; // bytes of the block at `inputs`
  bool is_async;
};

struct eerie_program {
  ee_object_t object;
  ee_heap_t *heap;
  size_t allocation_size;
  ee_vm_program_t *vm;
  ee_object_t *natives; // an ee_api_natives_t, or NULL
#if EERIE_EVICT
  struct ee_api_relief *relief; // may be NULL
#endif
  void (*trace)(void *user, const char *line, size_t length);
  void *trace_user;
  uint32_t wait_limit_ms; // 0: none
  int64_t wait_end_ns;    // when the limit of the call that runs is reached; INT64_MAX: never
#if EERIE_THREADS
  bool later; // the call under way is asynchronous
#endif
  ee_hal_fence_t *signal; // of the asynchronous call under way; retained, may be NULL
  size_t function_count;
  eerie_function_t functions[];
};

// Begins the time that a call may wait.
void ee_api_wait_begin(eerie_program_t *program);
// Waits for `object` on behalf of a call of an eerie_program_t. DEADLINE_EXCEEDED: the deadline, or
// the program's where that is sooner.
eerie_status_t ee_api_wait(void *program, ee_object_t *object, int64_t deadline_ns,
                           eerie_error_t *err);

// Fills inputs, outputs, counts, text and is_async of a function from its signature and the
// declaration that the compiler left (signature.c). Name and vm are set.
eerie_status_t ee_api_function_describe(ee_heap_t *heap, const ee_module_t *module,
                                        const ee_module_function_t *body,
                                        eerie_function_t *function, eerie_error_t *err);
// The part of it that needs no module: counts, letters and is_async are set.
eerie_status_t ee_api_types_describe(ee_heap_t *heap, ee_str_t declaration,
                                     eerie_function_t *function, eerie_error_t *err);
void ee_api_function_forget(ee_heap_t *heap, eerie_function_t *function);

// A cursor over a declaration.
typedef struct ee_api_scan {
  const char *at;
  const char *end;
} ee_api_scan_t;

void ee_api_scan_spaces(ee_api_scan_t *scan);
bool ee_api_scan_accept(ee_api_scan_t *scan, const char *token);
// Takes "%name: type {attributes}" up to the ',' or bracket that ends it, and gives the type.
ee_str_t ee_api_scan_type(ee_api_scan_t *scan);

// Puts input `index` of a function into its slot, after the check against its type; the reference
// is borrowed. Numbers from input_count on are outputs, of functions in C (call.c).
eerie_status_t ee_api_value_load(const eerie_function_t *function, size_t index,
                                 const eerie_value_t *value, ee_vm_value_t *slot,
                                 eerie_error_t *err);
// What is in a slot of that letter.
eerie_value_t ee_api_value_store(char letter, const ee_vm_value_t *slot);

// Refuses a number of inputs or outputs that is not the function's (call.c).
eerie_status_t ee_api_check_counts(const eerie_function_t *function, size_t input_count,
                                   size_t output_count, eerie_error_t *err);
// Calls the function and waits for its results. Behind the arguments there is room for two fences.
eerie_status_t ee_api_call_run(const eerie_function_t *function, ee_vm_value_t *arguments,
                               ee_vm_value_t *results, eerie_error_t *err);

#if EERIE_ASYNC_DEVICES
// After modules could not be initialised, INCOMPATIBLE: where a device is missing, says which in
// few words (refusal.c).
eerie_status_t ee_api_refusal_explain(eerie_module_t *const *modules, size_t module_count,
                                      eerie_device_t *const *devices, size_t device_count,
                                      eerie_error_t *err);
#endif

// The public view of an object; takes over the reference (value.c).
eerie_value_t ee_api_value_from_object(ee_object_t *object);
// The object behind a value, borrowed; NULL for scalars and NONE.
ee_object_t *ee_api_value_object(const eerie_value_t *value);

// Gives memory back whose constants initialisers have read and nobody uses now (evict.c, and
// evict_bare.c where files are not mapped).
void ee_api_evict_constants(const ee_vm_program_t *program);

#if EERIE_EVICT
// Gives pages of constants back while initialisers run. NULL: nothing to gain. `hal` is told of it;
// the modules and sets must live until the end, the memory as long as the program.
typedef struct ee_api_relief ee_api_relief_t;
ee_api_relief_t *ee_api_evict_begin(ee_heap_t *heap, eerie_module_t *const *modules, size_t count,
                                    ee_bridge_hal_options_t *hal);
void ee_api_evict_end(ee_api_relief_t *relief);
void ee_api_evict_free(ee_api_relief_t *relief);
#endif

// ---- Native modules ----------------------------------------------------------------------------

// What linking knows of the modules in C that the caller gave, and of what may import them.
typedef struct ee_api_natives_options {
  eerie_instance_t *instance;
  eerie_device_t *device; // the program's first; may be NULL
  eerie_module_t *const *modules;
  size_t module_count;
  const eerie_native_module_t *const *natives;
  size_t native_count;
} ee_api_natives_options_t;

// Native modules made ready for a program, which releases them when nothing can call them anymore.
typedef struct ee_api_natives {
  ee_object_t object;
  size_t count;
  ee_vm_module_ref_t *refs;
} ee_api_natives_t;

// Makes them ready, NULL when there are none, and checks the imports of all modules (native.c; a
// build without it has native_bare.c, which refuses any).
eerie_status_t ee_api_natives_create(const ee_api_natives_options_t *options,
                                     ee_api_natives_t **out_natives, eerie_error_t *err);
// Refuses imports that would not link, or not to one thing only, and says more about them than the
// virtual machine can. `refs`: the native modules, as many as in the options (imports.c).
eerie_status_t ee_api_imports_check(const ee_api_natives_options_t *options,
                                    const ee_vm_module_ref_t *refs, eerie_error_t *err);

#endif // EE_API_API_H_
