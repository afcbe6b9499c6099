// eerie_base.h: what every part of Eerie shares: status codes, error records, the allocator.
//
// Included by all other public headers; nobody needs to include it by hand.
#ifndef EERIE_BASE_H_
#define EERIE_BASE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eerie/eerie_config.h"

#ifdef __cplusplus
extern "C" {
#endif

// Marks a symbol that the shared library exports; everything else is hidden.
#if defined(_WIN32) && defined(EERIE_BUILDING)
#define EERIE_API __declspec(dllexport)
#elif defined(_WIN32)
#define EERIE_API
#elif defined(__GNUC__)
#define EERIE_API __attribute__((visibility("default")))
#else
#define EERIE_API
#endif

// ---- Status ------------------------------------------------------------------------------------

// The result of every call that can fail. Zero is success; the others are the canonical codes that
// gRPC, Abseil and IREE share, with the same numbers.
typedef enum eerie_status {
  EERIE_OK = 0,
  EERIE_CANCELLED = 1,
  EERIE_UNKNOWN = 2,
  EERIE_INVALID_ARGUMENT = 3,    // a wrong value, shape, dtype or count from the caller
  EERIE_DEADLINE_EXCEEDED = 4,   // a wait or a time limit ran out
  EERIE_NOT_FOUND = 5,           // no such file, function, device, module
  EERIE_ALREADY_EXISTS = 6,      // the name is taken
  EERIE_PERMISSION_DENIED = 7,   // the system or an option forbids it
  EERIE_RESOURCE_EXHAUSTED = 8,  // memory or a limit of eerie_config.h
  EERIE_FAILED_PRECONDITION = 9, // the object is not in the state that the call needs
  EERIE_ABORTED = 10,
  EERIE_OUT_OF_RANGE = 11,  // an index or offset past the end
  EERIE_UNIMPLEMENTED = 12, // known, but not in this build
  EERIE_INTERNAL = 13,      // a defect of Eerie or of a library below it
  EERIE_UNAVAILABLE = 14,   // busy, or a device that is away
  EERIE_DATA_LOSS = 15,     // a damaged or truncated file
  EERIE_UNAUTHENTICATED = 16,
  EERIE_DEFERRED = 17,     // not done yet: wait and resume
  EERIE_INCOMPATIBLE = 18, // made for another device, CPU or release
} eerie_status_t;

// Returns the canonical spelling of a status, such as "INVALID_ARGUMENT"; "UNKNOWN" for a number
// that is none of them. The string is static. Any thread.
EERIE_API const char *eerie_status_name(eerie_status_t status);

// Why a call failed. The caller owns it, on the stack if it likes: there is no heap, no
// thread-local state and nothing to free. Every function that takes an `eerie_error_t *` accepts
// NULL; on success it leaves the record alone.
typedef struct eerie_error {
  eerie_status_t code; // the same as the call returned
  int line;            // line in `file`
  const char *file;    // source file of Eerie that refused; static, may be NULL
  char
      message[EERIE_ERROR_MESSAGE_SIZE]; // one line, NUL-terminated: what, where, what was expected
} eerie_error_t;

// ---- Memory ------------------------------------------------------------------------------------

// Where Eerie gets memory from. One function does all of it:
//   pointer NULL, new_size > 0:  allocate; aligned for any C type; NULL when there is none
//   pointer, new_size > 0:       resize, keeping min(old_size, new_size) bytes; NULL leaves the old
//                                block as it was
//   pointer, new_size 0:         free; returns NULL
// `old_size` is always the size last asked for, so an allocator needs no headers of its own. It may
// be called from every thread that uses objects made with it.
// A zero-initialised eerie_allocator_t stands for the system's malloc where there is one.
typedef struct eerie_allocator {
  void *(*reallocate)(void *user, void *pointer, size_t old_size, size_t new_size);
  void *user;
} eerie_allocator_t;

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_BASE_H_
