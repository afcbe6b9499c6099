// status.h: how a function of the runtime fails.
//
// A failing function fills the caller's eerie_error_t (which may be NULL) and returns the code:
//   return EE_FAIL(err, EERIE_OUT_OF_RANGE, "rodata[%u]: offset %zu past the end (%zu)", i, at,
//   end);
// With EERIE_MESSAGES=0 the text and its arguments vanish from the build; the code never does.
// The innermost cause is kept: whoever passes an error on adds context with ee_error_annotate or
// leaves it alone, and never overwrites it.
#ifndef EE_BASE_STATUS_H_
#define EE_BASE_STATUS_H_

#include <stdarg.h>

#include "eerie/eerie_base.h"

// Passes a failure on to the caller.
#define EE_TRY(expr)                                                                               \
  do {                                                                                             \
    const eerie_status_t ee_try_status_ = (expr);                                                  \
    if (ee_try_status_ != EERIE_OK) return ee_try_status_;                                         \
  } while (0)

#if defined(__GNUC__)
#define EE_LIKELY(x)   __builtin_expect(!!(x), 1)
#define EE_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define EE_COLD        __attribute__((cold, noinline))
// Not where there is no OS: newlib makes uint32_t a long of the same width, and every %u would
// warn.
#if defined(__MINGW32__)
#define EE_PRINTF(format_index, first_argument)                                                    \
  __attribute__((format(gnu_printf, format_index, first_argument)))
#elif __STDC_HOSTED__
#define EE_PRINTF(format_index, first_argument)                                                    \
  __attribute__((format(printf, format_index, first_argument)))
#else
#define EE_PRINTF(format_index, first_argument)
#endif
#else
#define EE_LIKELY(x)   (x)
#define EE_UNLIKELY(x) (x)
#define EE_COLD
#define EE_PRINTF(format_index, first_argument)
#endif

// Lets the compiler know that a failure is not EERIE_OK, so that it sees which outputs were set.
static inline eerie_status_t ee_error_known(eerie_status_t code) {
#if defined(__GNUC__)
  if (code == EERIE_OK) __builtin_unreachable();
#endif
  return code;
}

#if EERIE_MESSAGES
// Fills `err` (NULL: nothing) and returns the code. The format is the subset that ee_format knows.
// Code and line come as one number, the line from bit 8 on: there are hundreds of calls, and each
// is an instruction shorter.
EE_COLD EE_PRINTF(4, 5) eerie_status_t ee_error_set(eerie_error_t *err, uint32_t code_and_line,
                                                    const char *file, const char *format, ...);
// Puts "<context>: " before the text that is already in `err`. Cuts what does not fit.
EE_COLD EE_PRINTF(2, 3) void ee_error_annotate(eerie_error_t *err, const char *format, ...);
#define EE_FAIL(err, code, ...)                                                                    \
  ee_error_known(                                                                                  \
      ee_error_set((err), (uint32_t)(code) | (uint32_t)__LINE__ << 8, __FILE_NAME__, __VA_ARGS__))
#define EE_ANNOTATE(err, ...) ee_error_annotate((err), __VA_ARGS__)
#else
EE_COLD eerie_status_t ee_error_set_code(eerie_error_t *err, eerie_status_t code);
#define EE_FAIL(err, code, ...) ee_error_known(ee_error_set_code((err), (code)))
#define EE_ANNOTATE(err, ...)   ((void)(err))
#endif

// gcc 11 and older have no __FILE_NAME__.
#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif

#define EE_NO_MEMORY(err, size)                                                                    \
  EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "out of memory allocating %zu bytes", (size_t)(size))

// A small vsnprintf that needs no stdio: %s %.*s %c %d %i %u %x %X %p %% with length modifiers l,
// ll, z, h, hh, and width with zero padding for numbers. Always terminates when capacity > 0;
// returns the length that the whole text would have.
size_t ee_vformat(char *buffer, size_t capacity, const char *format, va_list arguments);
EE_PRINTF(3, 4) size_t ee_format(char *buffer, size_t capacity, const char *format, ...);

#endif // EE_BASE_STATUS_H_
