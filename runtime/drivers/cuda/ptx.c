// ptx.c: what PTX says of itself: the architecture it is for, and the parameters of its kernels.
//
//   .version 7.6
//   .target sm_80, debug
//   .visible .entry name( .param .u64 .ptr .global .align 16 p0, .param .u32 p1 ) ...
//
// Source: the PTX ISA reference: a file begins with .version, then .target; code for sm_80 runs on
// that and all newer ones, code for sm_90a on 9.0 alone, for sm_100f on 10.x from 10.0 on.
#include "drivers/cuda/cuda.h"

// A place in the text; all steps forward, none past the end.
typedef struct scan {
  const char *at, *end;
} scan_t;

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || c == '%' || c == '.';
}

// Past a comment that begins here; false: none does.
static bool skip_comment(scan_t *scan) {
  const size_t left = (size_t)(scan->end - scan->at);
  if (left < 2 || scan->at[0] != '/') return false;
  if (scan->at[1] == '/') {
    while (scan->at < scan->end && *scan->at != '\n')
      ++scan->at;
    return true;
  }
  if (scan->at[1] != '*') return false;
  scan->at += 2;
  while (scan->end - scan->at >= 2 && !(scan->at[0] == '*' && scan->at[1] == '/'))
    ++scan->at;
  scan->at = scan->end - scan->at >= 2 ? scan->at + 2 : scan->end;
  return true;
}

// The next word or sign; empty at the end. Texts in quotes come as single signs and words, which
// does no harm: nothing that is looked for stands in one before the first kernel's body.
static ee_str_t next(scan_t *scan) {
  while (scan->at < scan->end && (is_space(*scan->at) || skip_comment(scan))) {
    if (scan->at < scan->end && is_space(*scan->at)) ++scan->at;
  }
  const char *begin = scan->at;
  while (scan->at < scan->end && is_word(*scan->at))
    ++scan->at;
  if (scan->at == begin && scan->at < scan->end) ++scan->at;
  return (ee_str_t){begin, (size_t)(scan->at - begin)};
}

// Goes behind the next `word`.
static bool find_word(scan_t *scan, ee_str_t word) {
  for (;;) {
    const ee_str_t token = next(scan);
    if (token.size == 0) return false;
    if (ee_str_equal(token, word)) return true;
  }
}

static bool parse_architecture(ee_str_t name, uint32_t *out_number, char *out_suffix) {
  *out_number = 0;
  *out_suffix = 0;
  if (name.size < 5 || name.size > 8 || memcmp(name.data, "sm_", 3) != 0) return false;
  for (size_t i = 3; i < name.size; ++i) {
    const char c = name.data[i];
    if (c >= '0' && c <= '9') {
      *out_number = *out_number * 10 + (uint32_t)(c - '0');
    } else if (i + 1 == name.size && (c == 'a' || c == 'f')) {
      *out_suffix = c;
    } else {
      return false;
    }
  }
  return true;
}

eerie_status_t ee_cuda_ptx_check(const ee_cuda_physical_t *physical, ee_str_t ptx,
                                 eerie_error_t *err) {
  scan_t scan = {ptx.data, ptx.data + ptx.size};
  if (!ee_str_equal(next(&scan), EE_STR(".version")) || !find_word(&scan, EE_STR(".target")))
    return EE_FAIL(err, EERIE_DATA_LOSS, "the code is no PTX: it has no .version or no .target");
  const ee_str_t name = next(&scan);
  uint32_t needs;
  char suffix;
  if (!parse_architecture(name, &needs, &suffix)) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "PTX for '%.*s', expected sm_ and a number",
                   EE_STR_ARG(name));
  }
  const uint32_t has = (uint32_t)(physical->major * 10 + physical->minor);
  const bool runs = suffix == 'a'   ? has == needs
                    : suffix == 'f' ? has >= needs && has / 10 == needs / 10
                                    : has >= needs;
  if (runs) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE,
                 "code for %.*s; %s is %s: compile with a --target that it runs", EE_STR_ARG(name),
                 physical->name, physical->architecture);
}

typedef enum parameter {
  PARAMETER_NONE,
  PARAMETER_ADDRESS,
  PARAMETER_WORD,
  PARAMETER_OTHER
} parameter_t;

// One parameter, up to the comma or parenthesis behind it.
static parameter_t next_parameter(scan_t *scan, bool *out_last) {
  parameter_t kind = PARAMETER_NONE;
  for (;;) {
    const ee_str_t token = next(scan);
    *out_last = token.size == 0 || token.data[0] == ')';
    if (*out_last || token.data[0] == ',') return kind;
    if (kind == PARAMETER_NONE) kind = PARAMETER_OTHER;
    if (token.data[0] == '[') return PARAMETER_OTHER; // of several elements
    const bool wide = ee_str_equal(token, EE_STR(".u64")) || ee_str_equal(token, EE_STR(".b64")) ||
                      ee_str_equal(token, EE_STR(".s64"));
    const bool word = ee_str_equal(token, EE_STR(".u32")) || ee_str_equal(token, EE_STR(".b32")) ||
                      ee_str_equal(token, EE_STR(".s32"));
    if (wide) kind = PARAMETER_ADDRESS;
    if (word) kind = PARAMETER_WORD;
  }
}

// What a kernel takes, as the text has it behind the opening parenthesis. False: what no kernel of
// the compiler does.
typedef struct signature {
  uint32_t addresses, words;
} signature_t;
static bool read_signature(scan_t *scan, signature_t *out_signature) {
  *out_signature = (signature_t){0};
  for (bool last = false; !last;) {
    const parameter_t kind = next_parameter(scan, &last);
    if (kind == PARAMETER_NONE && last) break;
    const bool in_order =
        kind == PARAMETER_ADDRESS ? out_signature->words == 0 : kind == PARAMETER_WORD;
    if (!in_order) return false;
    if (kind == PARAMETER_ADDRESS) ++out_signature->addresses;
    if (kind == PARAMETER_WORD) ++out_signature->words;
  }
  return true;
}

// One entry of the text, against all kernels of the file that mean it.
static eerie_status_t check_entry(scan_t *scan, uint32_t module, ee_cuda_kernel_t *kernels,
                                  uint32_t count, eerie_error_t *err) {
  signature_t takes = {0};
  const ee_str_t name = next(scan);
  const bool known = ee_str_equal(next(scan), EE_STR("(")) && read_signature(scan, &takes);
  for (uint32_t i = 0; i < count; ++i) {
    ee_cuda_kernel_t *kernel = &kernels[i];
    if (kernel->module != module || !ee_str_equal(ee_str_from(kernel->name), name)) continue;
    if (!known) {
      return EE_FAIL(err, EERIE_DATA_LOSS,
                     "kernel %s takes other things than addresses and, behind those, words",
                     kernel->name);
    }
    if (takes.addresses != kernel->binding_count || takes.words != kernel->constant_count) {
      return EE_FAIL(err, EERIE_DATA_LOSS,
                     "kernel %s takes %u addresses and %u words, the file says %u bindings and %u "
                     "constants",
                     kernel->name, takes.addresses, takes.words, kernel->binding_count,
                     kernel->constant_count);
    }
    kernel->checked = true;
  }
  return EERIE_OK;
}

eerie_status_t ee_cuda_ptx_check_kernels(ee_str_t ptx, uint32_t module, ee_cuda_kernel_t *kernels,
                                         uint32_t count, eerie_error_t *err) {
  scan_t scan = {ptx.data, ptx.data + ptx.size};
  for (uint32_t entries = 0; find_word(&scan, EE_STR(".entry")); ++entries) {
    if (entries == EE_CUDA_MAX_PARTS)
      return EE_FAIL(err, EERIE_OUT_OF_RANGE, "PTX of more than %u kernels", EE_CUDA_MAX_PARTS);
    EE_TRY(check_entry(&scan, module, kernels, count, err));
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (kernels[i].module == module && !kernels[i].checked)
      return EE_FAIL(err, EERIE_DATA_LOSS, "no kernel %s in the PTX", kernels[i].name);
  }
  return EERIE_OK;
}
