// compile.c: model source as text, compiled and run in one process.
//
//   compile [TARGET]      (host when none is named; see eerie compile --list-targets)
#include <eerie/eerie.h>
#include <eerie/eerie_compiler.h>
#include <stdio.h>
#include <string.h>

static const char source[] = "func.func @multiply(%a: tensor<4xf32>, %b: tensor<4xf32>)\n"
                             "    -> tensor<4xf32> {\n"
                             "  %0 = arith.mulf %a, %b : tensor<4xf32>\n"
                             "  return %0 : tensor<4xf32>\n"
                             "}\n";

static int fail(const eerie_error_t *err) {
  fprintf(stderr, "compile: %s: %s\n", eerie_status_name(err->code), err->message);
  return 1;
}

static void print_diagnostic(void *user, const eerie_compiler_diagnostic_t *diagnostic) {
  (void)user;
  fprintf(stderr, "%s:%u:%u: %s: %.*s\n", diagnostic->file ? diagnostic->file : "?",
          diagnostic->line, diagnostic->column, eerie_compiler_severity_name(diagnostic->severity),
          (int)diagnostic->message_size, diagnostic->message);
}

int main(int argc, char **argv) {
  eerie_error_t err = {0};
  eerie_compiler_t *compiler = NULL;
  eerie_compiler_output_t *output = NULL;
  const void *bytes = NULL;
  size_t size = 0;
  if (eerie_compiler_load(NULL, &compiler, &err) ||
      eerie_compiler_compile(compiler,
                             &(eerie_compile_options_t){.source = source,
                                                        .source_size = strlen(source),
                                                        .source_name = "multiply.mlir",
                                                        .target = argc > 1 ? argv[1] : "host",
                                                        .on_diagnostic = print_diagnostic,
                                                        .isolated = true},
                             &output, &err) ||
      eerie_compiler_output_map(output, &bytes, &size, &err))
    return fail(&err);

  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_module_t *module = NULL;
  eerie_program_t *program = NULL;
  eerie_function_t *multiply = NULL;
  eerie_tensor_t *in[2] = {NULL, NULL}, *out = NULL;
  const float a[4] = {1, 2, 3, 4}, b[4] = {10, 20, 30, 40};
  const int64_t shape[1] = {4};
  if (eerie_instance_create(NULL, &instance, &err) ||
      eerie_device_open(instance, "local-sync", &device, &err) ||
      eerie_module_load_memory(instance, bytes, size, NULL, &module, &err) ||
      eerie_program_create(instance, &(eerie_program_options_t){.module = module, .device = device},
                           &program, &err) ||
      eerie_program_find(program, "multiply", &multiply, &err) ||
      eerie_tensor_create(device, EERIE_F32, 1, shape, a, &in[0], &err) ||
      eerie_tensor_create(device, EERIE_F32, 1, shape, b, &in[1], &err) ||
      eerie_call_tensors(multiply, in, 2, &out, 1, &err))
    return fail(&err);
  const float *products = eerie_tensor_data(out);
  printf("%zu bytes of module; %g %g %g %g\n", size, products[0], products[1], products[2],
         products[3]);

  eerie_tensor_release(out);
  eerie_tensor_release(in[0]);
  eerie_tensor_release(in[1]);
  eerie_program_release(program);
  eerie_module_release(module);
  eerie_device_release(device);
  eerie_instance_release(instance);
  eerie_compiler_output_release(output); // the module's bytes
  eerie_compiler_release(compiler);
  return 0;
}
