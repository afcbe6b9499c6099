// system.c: kernels that travel as a shared library of the operating system ("system-elf-*"),
// which its own loader makes runnable.
//
// Unlike an embedded image such a library may need others (libm), have initialisers, thread-local
// storage and debug information that a debugger finds. What the system's loader does with a file
// that is none is not ours to say, so only the header is looked at before.
#include "drivers/cpu/elf.h"

// The compiler also writes "system-dll-*", "system-dylib-*" and "system-wasm-*".
#define ELF_KIND "elf-"

static bool split(ee_str_t rest, ee_str_t *out_arch) {
  const size_t size = sizeof ELF_KIND - 1;
  if (rest.size < size || memcmp(rest.data, ELF_KIND, size) != 0) return false;
  *out_arch = (ee_str_t){rest.data + size, rest.size - size};
  return true;
}

static bool system_supports(ee_str_t rest) {
  ee_str_t arch;
  return split(rest, &arch) && ee_elf_check_arch(arch, NULL) == EERIE_OK;
}

static eerie_status_t system_load(ee_cpu_device_t *device, ee_str_t rest, ee_bytes_t data,
                                  ee_object_t *data_owner, ee_cpu_image_t *out_image,
                                  eerie_error_t *err) {
  (void)device, (void)data_owner;
  ee_str_t arch;
  if (!split(rest, &arch)) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "kernels as a shared library of another system ('system-%.*s')",
                   EE_STR_ARG(rest));
  }
  EE_TRY(ee_elf_check_arch(arch, err));
  EE_TRY(ee_elf_check_machine(data, err));
  EE_TRY(ee_port_library_load(data, &out_image->library, err));
  void *query = ee_port_library_find(&out_image->library, EE_CPU_LIBRARY_QUERY);
  if (!query) {
    ee_port_library_close(&out_image->library);
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "kernel library: no export %s", EE_CPU_LIBRARY_QUERY);
  }
  out_image->query = (ee_cpu_library_query_t)(uintptr_t)query;
  out_image->size = data.size;
  return EERIE_OK;
}

static void system_unload(ee_cpu_device_t *device, ee_cpu_image_t *image) {
  (void)device;
  ee_port_library_close(&image->library);
}

const ee_cpu_loader_t ee_cpu_system_loader = {"system-", system_supports, system_load,
                                              system_unload};
