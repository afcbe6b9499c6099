// The loader of kernels: any bytes as an ELF image of this machine. Nothing of it is executed.
#include "fuzz/fuzz.h"

#include "drivers/cpu/cpu.h"
#include "drivers/cpu/elf_machine.h"

extern const ee_cpu_loader_t ee_cpu_elf_loader;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const ee_elf_machine_t *machine = ee_elf_machine_native();
  if (!machine) return 0;
  uint8_t *copy = fuzz_copy(data, size);
  ee_cpu_image_t image = {0};
  eerie_error_t err = {0};
  const eerie_status_t status = ee_cpu_elf_loader.load(
      NULL, ee_str_from(machine->arch), (ee_bytes_t){copy, size}, NULL, &image, &err);
  FUZZ_REQUIRE(status == EERIE_OK || (err.code == status && err.message[0]));
  if (status == EERIE_OK) {
    FUZZ_REQUIRE(image.query != NULL);
    ee_cpu_elf_loader.unload(NULL, &image);
  }
  free(copy);
  return 0;
}
