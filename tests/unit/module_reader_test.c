// Calling conventions, and what a loaded module gives back. Files: module_bad_test.c.
#include "unit/module_test.h"

static void parses_calling_conventions(void) {
  static const struct {
    const char *text, *arguments, *results;
  } good[] = {
      {"0v_v", "", ""},         {"0_", "", ""},
      {"0i_v", "i", ""},        {"0iIfFr_rFfIi", "iIfFr", "rFfIi"},
      {"0rCiD_r", "rCiD", "r"}, {"0CrIDiCiIfFrD_v", "CrIDiCiIfFrD", ""},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; ++i) {
    ee_signature_t signature;
    REQUIRE(ee_signature_parse(ee_str_from(good[i].text), &signature));
    CHECK(ee_str_equal(signature.text, ee_str_from(good[i].text)));
    CHECK(ee_str_equal(signature.arguments, ee_str_from(good[i].arguments)));
    CHECK(ee_str_equal(signature.results, ee_str_from(good[i].results)));
  }
  static const char *const bad[] = {
      "",      "0",        "_",     "0i",    "1i_v",  "v_v",   "0x_v",  "0i_x",   "0Ci_v",
      "0iD_v", "0CCiDD_v", "0CD_v", "0_CiD", "0vv_v", "0iv_v", "0v_iv", "0i_i_i", "0 _v",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    ee_signature_t signature;
    if (!CHECK(!ee_signature_parse(ee_str_from(bad[i]), &signature))) {
      fprintf(stderr, "  \"%s\"\n", bad[i]);
    }
  }
}

static void count_release(void *user, ee_bytes_t bytes) {
  (void)bytes;
  ++*(int *)user;
}

static void gives_back_what_it_read(void) {
  const ee_bytes_t file = test_read_file(EERIE_TEST_BINARY_DIR "/modules_bad/good/tensor.vmfb");
  if (!file.data) SKIP("no compiled module");
  ee_heap_t heap = test_heap();
  int releases = 0;
  const ee_module_load_options_t options = {.release_bytes = count_release,
                                            .release_user = &releases};
  ee_module_t *module;
  REQUIRE_OK(ee_module_load(&heap, file, &options, &module, NULL));
  CHECK_EQ_INT(module->bytecode_version, 17u << 16);
  CHECK(ee_str_equal(module->name, EE_STR("module")));
  const uint32_t index = ee_module_find_export(module, EE_STR("scale"));
  REQUIRE(index != UINT32_MAX);
  CHECK_EQ_INT(ee_module_find_export(module, EE_STR("nothing")), UINT32_MAX);
  const uint32_t function = module->exports[index].function;
  CHECK_EQ_INT(module->functions[function].local_name, index + 1);
  CHECK(ee_str_equal(module->functions[function].signature.text, EE_STR("0rr_r")));
  const ee_str_t declaration =
      ee_module_function_attribute(module, function, EE_STR("iree.abi.declaration"));
  CHECK(ee_str_equal(declaration,
                     EE_STR("sync func @scale(%input0: tensor<4xf32>, %input1: tensor<4xf32>) -> "
                            "(%output0: tensor<4xf32>)")));
  CHECK_EQ_INT(ee_module_function_attribute(module, function, EE_STR("absent")).size, 0);
  bool has_elf = false;
  for (uint32_t i = 0; i < module->rodata_count; ++i) {
    const ee_bytes_t bytes = module->rodata[i].bytes;
    has_elf = has_elf || (bytes.size > 4 && memcmp(bytes.data,
                                                   "\x7f"
                                                   "ELF",
                                                   4) == 0);
  }
  CHECK(has_elf);
  bool has_type = false;
  for (uint32_t i = 0; i < module->type_count; ++i)
    has_type = has_type || ee_str_equal(module->types[i], EE_STR("hal.buffer_view"));
  CHECK(has_type);
  ee_module_retain(module);
  ee_module_release(module);
  CHECK_EQ_INT(releases, 0);
  ee_module_release(module);
  CHECK_EQ_INT(releases, 1);
  CHECK_EQ_INT(heap.current, 0);
  free((void *)(uintptr_t)file.data);
}

// The descriptor in the file counts none: only those that instructions name have to be there.
static void gives_arguments_registers(void) {
  const ee_bytes_t file = test_read_file(EERIE_TEST_BINARY_DIR "/modules_bad/good/unused.vmfb");
  if (!file.data) SKIP("no compiled module");
  ee_heap_t heap = test_heap();
  ee_module_t *module;
  REQUIRE_OK(ee_module_load(&heap, file, &(ee_module_load_options_t){0}, &module, NULL));
  const uint32_t index = ee_module_find_export(module, EE_STR("unused"));
  REQUIRE(index != UINT32_MAX);
  const ee_module_function_t *function = &module->functions[module->exports[index].function];
  CHECK(ee_str_equal(function->signature.text, EE_STR("0iIr_v")));
  CHECK_EQ_INT(function->register_count, 4);
  CHECK_EQ_INT(function->ref_register_count, 1);
  ee_module_release(module);
  free((void *)(uintptr_t)file.data);
}

static void keeps_the_bytes_of_a_failed_load(void) {
  ee_heap_t heap = test_heap();
  int releases = 0;
  const ee_module_load_options_t options = {.release_bytes = count_release,
                                            .release_user = &releases};
  ee_module_t *module;
  eerie_error_t err = {0};
  const ee_bytes_t text = {(const uint8_t *)"no module, just text", 20};
  CHECK_STATUS(ee_module_load(&heap, text, &options, &module, &err), EERIE_INVALID_ARGUMENT);
  CHECK(module == NULL);
  CHECK_EQ_INT(releases, 0);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(parses_calling_conventions),
      RUN(gives_back_what_it_read),
      RUN(gives_arguments_registers),
      RUN(keeps_the_bytes_of_a_failed_load),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
