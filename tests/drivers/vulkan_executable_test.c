// Executables for Vulkan that are cut and changed: refused, or loaded, but nothing else.
#define _DEFAULT_SOURCE // usleep
#include "drivers/vulkan_support.h"

#define GPU_MAGIC  "VKE1"
#define GPU_FORMAT "vulkan-spirv-fb"
#include "drivers/gpu_images.h"

static void executables_are_checked(void) {
  forget_faults();
  shim->compile_nothing = true; // what is checked is checked before
  fixture_t f;
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_vulkan(&f)) return;
  damage(&f, image, size);
  free(image);
  CHECK_EQ_INT(shim->live < 20, true);
  close_vulkan(&f);
  forget_faults();
}

// Changes the first word `from` behind `opcode` words of the shader; false: there is none.
static uint32_t *find_instruction(uint8_t *image, size_t size, uint32_t opcode) {
  for (size_t at = 64; at + 4 <= size; at += 4) {
    uint32_t word;
    memcpy(&word, image + at, sizeof word);
    if (word != 0x07230203) continue;
    for (size_t i = at + 20; i + 4 <= size;) {
      memcpy(&word, image + i, sizeof word);
      if ((word & 0xFFFF) == opcode) return (uint32_t *)(void *)(image + i);
      if (!(word >> 16)) return NULL;
      i += (size_t)(word >> 16) * 4;
    }
  }
  return NULL;
}

// Dispatches whose counts are not those of the kernel are refused when they are recorded.
static void counts_are_checked(void) {
  forget_faults();
  fixture_t f;
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_vulkan(&f)) return;
  ee_hal_executable_t *executable = NULL;
  CHECK_OK(ee_hal_executable_create(f.device, EE_STR("vulkan-spirv-fb"), (ee_bytes_t){image, size},
                                    NULL, NULL, 0, &executable, NULL));
  if (executable) {
    eerie_error_t err = {0};
    size_t constants = 0, bindings = 0;
    while (bindings < 8 && ee_hal_executable_check(executable, 0, constants, bindings, &err)) {
      CHECK_CONTAINS(err.message, "constants and ");
      constants = constants < 8 ? constants + 1 : 0;
      bindings += constants == 0;
    }
    CHECK(bindings < 8); // some counts are right
    CHECK_STATUS(ee_hal_executable_check(executable, 0, constants + 1, bindings, &err),
                 EERIE_INVALID_ARGUMENT);
    CHECK_STATUS(ee_hal_executable_check(executable, 0, constants, bindings + 1, &err),
                 EERIE_INVALID_ARGUMENT);
    CHECK_STATUS(
        ee_hal_executable_check(executable, executable->function_count, constants, bindings, &err),
        EERIE_OUT_OF_RANGE);
  }
  ee_object_release((ee_object_t *)executable);
  free(image);
  close_vulkan(&f);
}

typedef struct defect {
  uint32_t opcode;
  size_t word;
  uint32_t value;
  const char *expected;
} defect_t;

static void shaders_are_checked(void) {
  static const defect_t defects[] = {
      {17, 1, 9999, "capability 9999"},         // OpCapability
      {17, 1, 6033, "capability 6033"},         // AtomicFloat32AddEXT
      {17, 0, 0x00000011, "truncated SPIR-V"},  // an instruction without words
      {17, 0, 0xFFFF0011, "truncated SPIR-V"},  // one that reaches past the end
      {14, 1, 2, "physical addresses"},         // OpMemoryModel Physical64
      {15, 1, 4, "no compute entry point"},     // OpEntryPoint Fragment
      {16, 3, 100000, "workgroups of 100000x"}, // OpExecutionMode LocalSize
      {21, 2, 24, "integers of 24 bits"},       // OpTypeInt
      {22, 2, 128, "floats of 128 bits"},       // OpTypeFloat
  };
  forget_faults();
  shim->compile_nothing = true;
  fixture_t f;
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_vulkan(&f)) return;
  for (size_t i = 0; i < LENGTH(defects); ++i) {
    uint32_t *word = find_instruction(image, size, defects[i].opcode);
    if (!CHECK(word != NULL)) continue;
    const uint32_t before = word[defects[i].word];
    word[defects[i].word] = defects[i].value;
    eerie_error_t err = {0};
    CHECK(load(&f, image, size, &err) != EERIE_OK);
    CHECK_CONTAINS(err.message, defects[i].expected);
    word[defects[i].word] = before;
  }
  // A binding that the layout does not have.
  for (uint32_t *word = find_instruction(image, size, 71); (word[0] & 0xFFFF) == 71;
       word += word[0] >> 16) {
    if (word[2] != 33) continue;
    const uint32_t before = word[3];
    word[3] = 17;
    eerie_error_t err = {0};
    CHECK_STATUS(load(&f, image, size, &err), EERIE_DATA_LOSS);
    CHECK_CONTAINS(err.message, "binding 17 of set 0");
    word[3] = before;
    break;
  }
  free(image);
  close_vulkan(&f);
  forget_faults();
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(executables_are_checked),
      RUN(counts_are_checked),
      RUN(shaders_are_checked),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
