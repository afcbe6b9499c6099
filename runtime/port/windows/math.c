// math.c: what posix/math.c uses in place of MinGW's own functions (libmingwex of 10.0). These add
// a half to round, which makes 1 of the float just below a half, and leave sin and cos to the x87,
// whose pi is too short for large angles: of 300000 five bits are wrong.
#include <math.h>

double ee_windows_round(double x);
float ee_windows_roundf(float x);
double ee_windows_sin(double x);
double ee_windows_cos(double x);

double ee_windows_round(double x) {
  const double whole = trunc(x);
  return fabs(x - whole) >= 0.5 ? whole + copysign(1.0, x) : whole;
}

float ee_windows_roundf(float x) {
  const float whole = truncf(x);
  return fabsf(x - whole) >= 0.5f ? whole + copysignf(1.0f, x) : whole;
}

// The functions of the system's library, to which the import library keeps the addresses under
// these names.
extern double (*const system_sin)(double) __asm__("__imp_sin");
extern double (*const system_cos)(double) __asm__("__imp_cos");

double ee_windows_sin(double x) {
  return system_sin(x);
}

double ee_windows_cos(double x) {
  return system_cos(x);
}
