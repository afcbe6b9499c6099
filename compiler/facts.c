// facts.c: counts the work in a model.
//
// The text is not the user's: the compiler parsed the source, converted whatever dialect it was in
// to linalg, and printed the result in its one canonical form, in which an operation begins a line
// and writes its operand types as `ins(%a, %b : TYPE, TYPE) outs(%c : TYPE)`. What is not
// understood is counted as unknown work, and never as none.
#include "facts.h"

#include <math.h>
#include <string.h>

enum { FACTS_RANK = 16, FACTS_OPERANDS = 4 };

// A piece of the text.
typedef struct facts_span {
  const char *at, *end;
} facts_span_t;

typedef struct facts_type {
  double dims[FACTS_RANK]; // 0: dynamic
  size_t rank;
  double elements; // dynamic sizes as 1
  bool dynamic, is_int8;
} facts_type_t;

// The tensors of `ins` or `outs`.
typedef struct facts_operands {
  facts_type_t items[FACTS_OPERANDS];
  size_t count;
} facts_operands_t;

// ---- Text --------------------------------------------------------------------------------------

static const char *facts_find(facts_span_t span, const char *word) {
  const size_t size = strlen(word);
  for (const char *at = span.at; (size_t)(span.end - at) >= size;) {
    at = memchr(at, word[0], (size_t)(span.end - at) - size + 1);
    if (!at) return NULL;
    if (memcmp(at, word, size) == 0) return at;
    ++at;
  }
  return NULL;
}

static bool facts_starts(facts_span_t span, const char *word) {
  const size_t size = strlen(word);
  return (size_t)(span.end - span.at) >= size && memcmp(span.at, word, size) == 0;
}

static facts_span_t facts_trim(facts_span_t span) {
  while (span.at < span.end && *span.at == ' ')
    ++span.at;
  return span;
}

// ---- Types -------------------------------------------------------------------------------------

// "4x?x8xf32", up to the comma or bracket that ends it.
static const char *facts_read_shape(const char *at, const char *end, facts_type_t *out_type) {
  *out_type = (facts_type_t){.elements = 1};
  while (at < end) {
    double size = 0;
    if (*at == '?') {
      out_type->dynamic = true;
      ++at;
    } else if (*at >= '0' && *at <= '9') {
      for (; at < end && *at >= '0' && *at <= '9'; ++at)
        size = size * 10 + (*at - '0');
      out_type->elements *= size;
    } else {
      break;
    }
    if (out_type->rank < FACTS_RANK) out_type->dims[out_type->rank++] = size;
    if (at < end && *at == 'x') ++at;
  }
  out_type->is_int8 = end - at >= 3 && (memcmp(at, "i8>", 3) == 0 || memcmp(at, "i8,", 3) == 0);
  return at;
}

// The tensor types of the group that opens with `word`.
static void facts_read_operands(facts_span_t line, const char *word, facts_operands_t *out) {
  *out = (facts_operands_t){.count = 0};
  const char *at = facts_find(line, word);
  if (!at) return;
  at += strlen(word);
  int depth = 1;
  for (; at < line.end && depth; ++at) {
    depth += (*at == '(') - (*at == ')');
    if (!facts_starts((facts_span_t){at, line.end}, "tensor<")) continue;
    facts_type_t type;
    at = facts_read_shape(at + 7, line.end, &type) - 1;
    if (out->count < FACTS_OPERANDS) out->items[out->count++] = type;
  }
}

// ---- Work --------------------------------------------------------------------------------------

// Kernel sizes and input channels: what one element of a convolution's result adds up, and the
// kernel sizes alone. The filter's layout stands at the end of the name, channels of the result as
// f, groups as g.
static double facts_filter_terms(facts_span_t name, const facts_type_t *filter,
                                 double *out_kernel) {
  const char *layout = name.end;
  while (layout > name.at && layout[-1] != '_')
    --layout;
  // A suffix that is no layout: "..._hwcf_q" is quantised.
  if (name.end - layout == 1 && layout - 1 > name.at) {
    name.end = layout - 1;
    return facts_filter_terms(name, filter, out_kernel);
  }
  const bool depthwise = facts_starts(name, "depthwise");
  double terms = 1;
  *out_kernel = 1;
  for (size_t i = 0; i < filter->rank && i < (size_t)(name.end - layout); ++i) {
    if (layout[i] == 'f' || layout[i] == 'g' || layout[i] == 'm' || filter->dims[i] <= 0) continue;
    if (layout[i] != 'c') *out_kernel *= filter->dims[i];
    if (!depthwise || layout[i] != 'c') terms *= filter->dims[i];
  }
  return terms;
}

static void facts_add_convolution(facts_span_t name, const facts_operands_t *ins,
                                  const facts_type_t *result, eerie_compiler_facts_t *facts) {
  double kernel = 0;
  const double terms = ins->count > 1 ? facts_filter_terms(name, &ins->items[1], &kernel) : 1;
  const double macs = result->elements * terms;
  if (facts_starts(name, "depthwise")) {
    ++facts->depthwise;
    facts->depthwise_macs += macs;
  } else {
    ++facts->convolutions;
    facts->convolution_macs += macs;
    if (kernel == 1) facts->pointwise_macs += macs;
    if (facts_find(name, "nchw") || facts_find(name, "ncw")) facts->channels_first = true;
  }
  if (ins->count > 1 && ins->items[0].is_int8) facts->int8_macs += macs;
}

static double facts_batch(facts_span_t name, const facts_type_t *result) {
  return facts_starts(name, "batch_") && result->rank && result->dims[0] > 0 ? result->dims[0] : 1;
}

// Of M by K times K by N: K is the root of MK * KN / MN, whatever is transposed.
static void facts_add_product(facts_span_t name, const facts_operands_t *ins,
                              const facts_type_t *result, eerie_compiler_facts_t *facts) {
  ++facts->products;
  if (ins->count < 2 || result->elements <= 0) return;
  const facts_type_t *left = &ins->items[0], *right = &ins->items[1];
  const double batch = facts_batch(name, result);
  const double inner = sqrt(left->elements * right->elements / result->elements / batch);
  const double macs = result->elements * inner;
  facts->product_macs += macs;
  if (left->is_int8 && right->is_int8) facts->int8_macs += macs;
  if (inner < 1) return;
  // A vector times a matrix is bound by reading the matrix, which no tiling spares.
  const double rows = left->elements / batch / inner, columns = right->elements / batch / inner;
  const bool narrow = !left->dynamic && !right->dynamic && (rows < 4 || columns < 4);
  if (narrow) facts->narrow_product_macs += macs;
  if (narrow && facts_starts(name, "batch_")) facts->narrow_batch_macs += macs;
}

static bool facts_is_product(facts_span_t name) {
  static const char *const names[] = {"matmul",       "batch_matmul", "quantized_matmul",
                                      "matvec",       "vecmat",       "batch_matvec",
                                      "batch_vecmat", "contract",     "batch_reduce_matmul"};
  const size_t size = (size_t)(name.end - name.at);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    const size_t length = strlen(names[i]);
    if (size >= length && facts_starts(name, names[i]) &&
        (size == length || name.at[length] == '_'))
      return true;
  }
  return false;
}

// `line` is an operation of linalg, its name behind the dialect's.
static void facts_add_linalg(facts_span_t line, eerie_compiler_facts_t *facts) {
  facts_span_t name = line;
  const char *end = name.at;
  while (end < line.end && *end != ' ' && *end != '(' && *end != '<')
    ++end;
  name.end = end;
  if (facts_starts(name, "yield") || facts_starts(name, "index")) return;
  facts_operands_t ins, outs;
  facts_read_operands(line, "ins(", &ins);
  facts_read_operands(line, "outs(", &outs);
  ++facts->operations;
  double most = 0;
  for (size_t i = 0; i < ins.count + outs.count; ++i) {
    const facts_type_t *type = i < ins.count ? &ins.items[i] : &outs.items[i - ins.count];
    if (type->elements > most) most = type->elements;
    facts->dynamic = facts->dynamic || type->dynamic;
  }
  facts->elements += most;
  const facts_type_t unknown = {.elements = 1};
  const facts_type_t *result = outs.count ? &outs.items[0] : &unknown;
  if (facts_is_product(name))
    facts_add_product(name, &ins, result, facts);
  else if (facts_find(name, "conv_"))
    facts_add_convolution(name, &ins, result, facts);
  else if (ins.count > 1 && facts_starts(name, "generic") && facts_find(line, "\"reduction\""))
    // Sums over products in a form without a name: exact for two matrices.
    facts->other_macs += sqrt(ins.items[0].elements) * sqrt(ins.items[1].elements) *
                         sqrt(result->elements > 1 ? result->elements : 1);
}

// What other operations touch: the largest of their tensors.
static void facts_add_tensors(facts_span_t line, eerie_compiler_facts_t *facts) {
  // What has a region ends with its types in another line; values that come and go cost nothing.
  if (facts_starts(line, "util.") || facts_starts(line, "hal.") || facts_starts(line, "return") ||
      facts_starts(line, "tensor.empty") || facts_starts(line, "arith.constant"))
    return;
  double most = 0;
  while ((line.at = facts_find(line, "tensor<"))) {
    facts_type_t type;
    line.at = facts_read_shape(line.at + 7, line.end, &type);
    facts->dynamic = facts->dynamic || type.dynamic;
    if (type.elements > most) most = type.elements;
  }
  facts->elements += most;
}

// ---- Lines -------------------------------------------------------------------------------------

static void facts_add_line(facts_span_t line, eerie_compiler_facts_t *facts) {
  line = facts_trim(line);
  if (facts_find(line, "!hal.fence")) facts->fences = true;
  if (facts_find(line, "parameter.named")) facts->parameters = true;
  if (facts_starts(line, "cf.assert")) facts->assertions = true;
  // A function without a body: somebody else's.
  const bool declared = facts_starts(line, "util.func private") || facts_starts(line, "func.func");
  if (declared && line.end > line.at && line.end[-1] != '{') facts->imports = true;
  static const char *const own_kernels[] = {
      "flow.dispatch", "flow.executable",     "stream.executable",    "hal.executable",
      "hal.dispatch",  "#hal.device.promise", "#hal.device.affinity", "stream.async."};
  for (size_t i = 0; i < sizeof own_kernels / sizeof own_kernels[0]; ++i)
    if (facts_find(line, own_kernels[i])) facts->devices = true;
  // The operation follows its results.
  const char *equals = *line.at == '%' ? facts_find(line, " = ") : NULL;
  if (equals) line.at = equals + 3;
  if (facts_starts(line, "linalg."))
    facts_add_linalg((facts_span_t){line.at + 7, line.end}, facts);
  else
    facts_add_tensors(line, facts);
  if (facts_starts(line, "iree_linalg_ext.") || facts_starts(line, "tm_tensor.") ||
      facts_starts(line, "scf.while") || facts_starts(line, "scf.for"))
    facts->unknown_work = true;
}

void ee_facts_scan(const char *text, size_t size, eerie_compiler_facts_t *out_facts) {
  *out_facts = (eerie_compiler_facts_t){0};
  const char *const end = text + size;
  while (text < end) {
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    if (!stop) stop = end;
    if (stop > text) facts_add_line((facts_span_t){text, stop}, out_facts);
    text = stop + (stop < end);
  }
}
