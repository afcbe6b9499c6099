// vm_loops_test.c: loops that turn often enough to be decoded, against results that Python
// computed, and what must not depend on whether they are: limits, failures, memory that is not
// there.
#include "unit/vm_cases.h"

static void loops_made_by_chance(void) {
  run_case_file("loops.vmfb", "loops.cases", 500);
}

// ---- Of one program ----------------------------------------------------------------------------

typedef struct fixture {
  test_memory_t memory;
  uint8_t *bytes;
  ee_module_t *module;
  ee_vm_program_t *program;
  eerie_error_t err;
} fixture_t;

static bool set_up(fixture_t *f, uint64_t step_limit) {
  size_t size;
  f->bytes = test_read_file("turns.vmfb", &size);
  if (!f->bytes) return false;
  test_memory_initialize(&f->memory);
  f->err = (eerie_error_t){.code = EERIE_OK};
  f->module = NULL;
  f->program = NULL;
  if (!CHECK_OK_ERR(
          ee_module_load(&f->memory.heap, (ee_bytes_t){f->bytes, size}, NULL, &f->module, &f->err),
          &f->err))
    return true;
  const ee_vm_module_ref_t refs[] = {{.module = f->module}};
  const ee_vm_program_options_t options = {
      .modules = refs, .module_count = 1, .step_limit = step_limit};
  CHECK_OK_ERR(ee_vm_program_create(&f->memory.heap, &options, &f->program, &f->err), &f->err);
  return true;
}

static void tear_down(fixture_t *f) {
  ee_vm_program_destroy(f->program);
  if (f->module) ee_module_release(f->module);
  test_memory_check_empty(&f->memory);
  free(f->bytes);
}

#define SET_UP(limit)                                                                              \
  fixture_t f;                                                                                     \
  if (!set_up(&f, (limit))) SKIP("no compiled test modules: make_vm.py found no iree-compile")

static eerie_status_t call(fixture_t *f, const char *name, int64_t n, int64_t other,
                           int64_t *out_result) {
  const ee_vm_value_t arguments[] = {{.i64 = n}, {.i64 = other}};
  ee_vm_value_t result = {.i64 = -1};
  f->err = (eerie_error_t){.code = EERIE_OK};
  const eerie_status_t status = test_call(f->program, name, arguments, &result, &f->err);
  *out_result = result.i64;
  return status;
}

// A loop that goes on for long gets memory for its other form, once; one that does not gets none.
static void long_loops_are_decoded(void) {
  SET_UP(0);
  int64_t result;
  CHECK_OK(call(&f, "count", 5, 0, &result));
  CHECK_EQ_INT(result, 5);
  const size_t before = f.memory.live_blocks;
  CHECK_OK(call(&f, "count", 1000, 0, &result));
  CHECK_EQ_INT(result, 1000);
  const size_t blocks = f.memory.live_blocks, count = f.memory.count;
  CHECK(blocks > before);
  CHECK_OK(call(&f, "count", 100000, 0, &result));
  CHECK_EQ_INT(result, 100000);
  CHECK_EQ_INT(f.memory.live_blocks, blocks);
  CHECK_EQ_INT(f.memory.count, count);
  tear_down(&f);
}

// A turn of `count` takes two branches, and the way in and out one each.
static void steps_are_counted_alike(void) {
  for (int64_t n = 0; n <= 80; n += n < 28 ? 7 : 1) {
    const uint64_t needed = 2 * (uint64_t)n + 2;
    SET_UP(needed);
    int64_t result;
    CHECK_OK(call(&f, "count", n, 0, &result));
    CHECK_EQ_INT(result, n);
    CHECK_STATUS(call(&f, "count", n + 1, 0, &result), EERIE_DEADLINE_EXCEEDED);
    CHECK_OK(call(&f, "count", n, 0, &result)); // counted anew
    tear_down(&f);
  }
}

// `other` is the turn in which the divisor is zero, the index beyond the end or the call fails: the
// place that is told is the same whether the loop was decoded by then.
static void failures_name_the_same_place(void) {
  static const struct {
    const char *name;
    eerie_status_t status;
    const char *text;
  } loops[] = {
      {"divides", EERIE_INVALID_ARGUMENT, "division by zero"},
      {"loads", EERIE_OUT_OF_RANGE, "buffer"},
      {"stores", EERIE_OUT_OF_RANGE, "buffer"},
      {"refuses", EERIE_FAILED_PRECONDITION, "refused"},
  };
  for (size_t i = 0; i < sizeof loops / sizeof loops[0]; ++i) {
    SET_UP(0);
    char place[sizeof f.err.message] = "";
    for (int64_t turn = 1; turn < 200; turn += 33) {
      int64_t result;
      CHECK_STATUS(call(&f, loops[i].name, 1000, turn, &result), loops[i].status);
      CHECK_CONTAINS(f.err.message, loops[i].text);
      f.err.message[strcspn(f.err.message, ":")] = 0; // "turns.divides+78"
      if (turn == 1) memcpy(place, f.err.message, sizeof place);
      CHECK_STR(f.err.message, place);
    }
    int64_t result;
    CHECK_OK(call(&f, loops[i].name, 100, 1000, &result));
    tear_down(&f);
  }
}

// Calls in the middle of a loop leave the other form and come back to it, references and all.
static void calls_within_loops(void) {
  SET_UP(0);
  int64_t result;
  CHECK_OK(call(&f, "calls", 500, 3, &result));
  CHECK_EQ_INT(result, 500 * 499 / 2 * 3);
  CHECK_OK(call(&f, "swaps", 501, 7, &result));
  CHECK_EQ_INT(result, 7);
  CHECK_OK(call(&f, "swaps", 500, 7, &result));
  CHECK_EQ_INT(result, 1);
  tear_down(&f);
}

static void copies_wait_for_reads(void) {
  SET_UP(0);
  uint64_t x = 5, y = 1;
  for (int64_t n = 0; n < 120; ++n) {
    int64_t result;
    CHECK_OK(call(&f, "lags", n, 5, &result));
    CHECK(result == (int64_t)(x ^ y));
    const uint64_t sum = x + y;
    y = 3 * x;
    x = sum;
  }
  tear_down(&f);
}

// Without memory for it a loop gives the same.
static void memory_is_not_needed(void) {
  for (size_t n = 1; n < 8; ++n) {
    SET_UP(0);
    int64_t result;
    CHECK_OK(call(&f, "count", 1, 0, &result)); // the stack is there
    f.memory.count = 0;
    f.memory.fail_at = n;
    CHECK_OK(call(&f, "count", 1000, 0, &result));
    CHECK_EQ_INT(result, 1000);
    CHECK_OK(call(&f, "calls", 500, 3, &result));
    CHECK_EQ_INT(result, 500 * 499 / 2 * 3);
    f.memory.fail_at = 0;
    tear_down(&f);
  }
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(loops_made_by_chance),         RUN(long_loops_are_decoded), RUN(steps_are_counted_alike),
      RUN(failures_name_the_same_place), RUN(calls_within_loops),     RUN(copies_wait_for_reads),
      RUN(memory_is_not_needed),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
