// Programs on a CUDA device, and what they are told when it fails: calls that fail, memory that
// runs out, a device that is lost, code that it does not run.
#define _DEFAULT_SOURCE // usleep
#include "drivers/cuda/cuda_support.h"

#include "drivers/gpu_programs.h"

// ---- Graphs ------------------------------------------------------------------------------------

// A list that is executed again is launched as a graph, and gives the same.
static void repeated_lists_are_graphs(void) {
  gpu_variant(0);
  program_t p;
  if (!opened(&p, "gpu_cuda")) return;
  eerie_error_t err = {0};
  eerie_function_t *function = NULL;
  CHECK_OK(eerie_program_find(p.program, "matmul", &function, &err));
  const int64_t left[] = {8, 16}, right[] = {16, 8};
  float a[128], b[128];
  const long graphs = fake ? fake->graphs : 0;
  for (int k = 0; k < 12; ++k) {
    for (int i = 0; i < 128; ++i) {
      a[i] = (float)(i % 7 + k);
      b[i] = (float)(i % 5 - 2);
    }
    eerie_tensor_t *in[2] = {NULL, NULL}, *out[2] = {NULL, NULL};
    CHECK_OK(eerie_tensor_create(p.device, EERIE_F32, 2, left, a, &in[0], &err));
    CHECK_OK(eerie_tensor_create(p.device, EERIE_F32, 2, right, b, &in[1], &err));
    CHECK_OK(eerie_call_tensors(function, in, 2, out, 2, &err));
    float product[64] = {0}, sums[8] = {0};
    CHECK_OK(eerie_tensor_read(out[0], 0, product, sizeof product, &err));
    CHECK_OK(eerie_tensor_read(out[1], 0, sums, sizeof sums, &err));
    for (int i = 0; i < 8; ++i) {
      float sum = 0;
      for (int j = 0; j < 8; ++j) {
        float expected = 0;
        for (int n = 0; n < 16; ++n)
          expected += a[16 * i + n] * b[8 * n + j];
        CHECK(product[8 * i + j] == expected);
        sum += expected;
      }
      CHECK(sums[i] == sum);
    }
    for (int i = 0; i < 2; ++i) {
      eerie_tensor_release(in[i]);
      eerie_tensor_release(out[i]);
    }
  }
  if (fake) CHECK(fake->graphs > graphs);
  program_close(&p);
}

// ---- Faults ------------------------------------------------------------------------------------

static void every_failing_call_is_reported(void) {
  static const int codes[] = {0, 1, 999}; // out of memory, an invalid value, unknown
  for (size_t c = 0; fake && c < LENGTH(codes); ++c) {
    long failures = 0;
    for (long n = 1; n < 2000; ++n) {
      gpu_variant((size_t)n % 2);
      const long misuses = fake->misuses;
      fake->fail = "";
      fake->fail_at = n;
      fake->fail_with = codes[c];
      eerie_error_t err = {0};
      size_t live = 0;
      const eerie_status_t status = live_once(&live, &err);
      const bool reached = !fake->fail_at;
      if (reached) forget_undone(misuses);
      CHECK_EQ_INT(live, 0);
      CHECK(gpu_is_gone());
      if (!reached) break;
      if (status == EERIE_OK) continue; // there was another way
      ++failures;
      CHECK(status == EERIE_RESOURCE_EXHAUSTED || status == EERIE_INTERNAL ||
            status == EERIE_ABORTED || status == EERIE_UNAVAILABLE);
      CHECK(strstr(err.message, "cu") != NULL);
    }
    CHECK(failures > 15);
  }
  gpu_variant(0);
}

static void a_lost_device_is_reported(void) {
  static const int codes[] = {700, 702, 719, 214};
  for (size_t i = 0; fake && i < LENGTH(codes); ++i) {
    gpu_variant(0);
    program_t p;
    eerie_error_t err = {0};
    if (!opened(&p, "gpu_cuda")) return;
    CHECK_OK(call_product(&p, "multiply", 4, 1, &err));
    fake->lose_with = codes[i];
    CHECK_STATUS(call_product(&p, "multiply", 4, 1, &err), EERIE_ABORTED);
    CHECK_CONTAINS(err.message, "lost");
    CHECK_STATUS(call_product(&p, "multiply", 4, 1, &err), EERIE_ABORTED);
    program_close(&p);
    CHECK(gpu_is_gone());
    // A new device works.
    gpu_variant(0);
    if (!opened(&p, "gpu_cuda")) return;
    CHECK_OK(call_product(&p, "multiply", 4, 1, &err));
    program_close(&p);
  }
}

static void what_the_device_lacks_is_refused(void) {
  program_t p;
  eerie_error_t err = {0};
  CHECK_STATUS(program_open(&p, "cuda", "gpu_cpu", NULL, &err), EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "cuda-nvptx-fb");
  program_close(&p);
  CHECK_STATUS(program_open(&p, "local-sync", "gpu_cuda", NULL, &err), EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, "cuda-nvptx-fb");
  program_close(&p);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      GPU_PROGRAM_CASES,
      RUN(repeated_lists_are_graphs),
      RUN(every_failing_call_is_reported),
      RUN(a_lost_device_is_reported),
      RUN(what_the_device_lacks_is_refused),
  };
  return cuda_main(argc, argv, cases, LENGTH(cases));
}
