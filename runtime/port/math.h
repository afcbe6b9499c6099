// math.h: the part of the port that the interpreter may use: libm behind the float instructions.
#ifndef EE_PORT_MATH_H_
#define EE_PORT_MATH_H_

#include <stdbool.h>

// The functions of libm behind float instructions of bytecode. `bare` knows those that need no libm
// (sqrt where the FPU has it) and answers false for the others.
typedef enum ee_math_op {
  EE_MATH_ATAN,
  EE_MATH_ATAN2,
  EE_MATH_COS,
  EE_MATH_SIN,
  EE_MATH_EXP,
  EE_MATH_EXP2,
  EE_MATH_EXPM1,
  EE_MATH_LOG,
  EE_MATH_LOG10,
  EE_MATH_LOG1P,
  EE_MATH_LOG2,
  EE_MATH_POW,
  EE_MATH_SQRT,
  EE_MATH_TANH,
  EE_MATH_ERF,
  EE_MATH_REMAINDER,
  EE_MATH_CEIL,
  EE_MATH_FLOOR,
  EE_MATH_ROUND,
  EE_MATH_ROUND_EVEN,
  EE_MATH_FMA,
} ee_math_op_t;

// Defined where `a * b + c` is rounded once: the least CPU of the architecture does that in one
// instruction. IREE's runtime decides so (vm/ops.h of 3.13), and sums are to come out the same to
// the bit; so it does not depend on what more a build is allowed to use.
#if !defined(__x86_64__) && !defined(__i386__)
#if defined(__FP_FAST_FMAF) || defined(__aarch64__)
#define EE_MATH_FUSED_F32 1
#endif
#if defined(__FP_FAST_FMA) || defined(__aarch64__)
#define EE_MATH_FUSED_F64 1
#endif
#endif

bool ee_port_math_f32(ee_math_op_t op, float a, float b, float c, float *out);
bool ee_port_math_f64(ee_math_op_t op, double a, double b, double c, double *out);

#endif // EE_PORT_MATH_H_
