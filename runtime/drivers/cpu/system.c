// system.c: kernels that travel as a shared library of the operating system ("system-elf-*",
// "system-dll-*"), which its own loader makes runnable.
//
// Unlike an embedded image such a library may need others (libm), have initialisers, thread-local
// storage and debug information that a debugger finds. What the system's loader does with a file
// that is none is not ours to say, so only the header is looked at before.
#include "drivers/cpu/elf.h"

// What stands in the name of a format for the system's kind of library. The compiler also writes
// "system-wasm-*".
static bool split(ee_str_t rest, ee_str_t *out_arch) {
  const ee_str_t kind = ee_str_from(ee_port_library_kind());
  if (rest.size <= kind.size || memcmp(rest.data, kind.data, kind.size) != 0 ||
      rest.data[kind.size] != '-')
    return false;
  *out_arch = (ee_str_t){rest.data + kind.size + 1, rest.size - kind.size - 1};
  return true;
}

static bool system_supports(ee_str_t rest) {
  ee_str_t arch;
  return split(rest, &arch) && ee_elf_check_arch(arch, NULL) == EERIE_OK;
}

// OK: as far as its first bytes tell, a library of this kind.
static eerie_status_t check_file(ee_bytes_t data, eerie_error_t *err) {
  static const struct {
    const char *kind;
    uint8_t size;
    uint8_t magic[4];
  } kinds[] = {
      {"dll", 2, {'M', 'Z'}},
      {"dylib", 4, {0xCF, 0xFA, 0xED, 0xFE}}, // MH_MAGIC_64 of mach-o/loader.h
  };
  const ee_str_t kind = ee_str_from(ee_port_library_kind());
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    if (!ee_str_equal(kind, ee_str_from(kinds[i].kind))) continue;
    if (data.size >= kinds[i].size && memcmp(data.data, kinds[i].magic, kinds[i].size) == 0)
      return EERIE_OK;
    return EE_FAIL(err, EERIE_DATA_LOSS, "kernel library: it does not start as a %s does",
                   kinds[i].kind);
  }
  return ee_elf_check_machine(data, err);
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
  EE_TRY(check_file(data, err));
  EE_TRY(ee_port_library_load(data, &out_image->library, err));
  void *query = ee_port_library_find(&out_image->library, EE_CPU_LIBRARY_QUERY);
  if (!query) {
    ee_port_library_close(&out_image->library);
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "kernel library: no export %s", EE_CPU_LIBRARY_QUERY);
  }
  out_image->query = (ee_cpu_library_query_t)(uintptr_t)query;
#if EE_CPU_TWO_CONVENTIONS
  out_image->host_convention = true;
#endif
  out_image->size = data.size;
  return EERIE_OK;
}

static void system_unload(ee_cpu_device_t *device, ee_cpu_image_t *image) {
  (void)device;
  ee_port_library_close(&image->library);
}

const ee_cpu_loader_t ee_cpu_system_loader = {"system-", system_supports, system_load,
                                              system_unload};
