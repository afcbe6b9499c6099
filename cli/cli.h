// cli.h: what the commands of `eerie` share: exit codes, messages, options, text.
//
// Each command is one file with one function, listed in main.c. Everything here is for the command
// line alone and uses nothing of Eerie but the public headers.
#ifndef EERIE_CLI_CLI_H_
#define EERIE_CLI_CLI_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "eerie/eerie_base.h"

// ---- Exit codes --------------------------------------------------------------------------------

// What the process answers to a script; `eerie help exit-codes` prints this table.
typedef enum ee_cli_exit {
  EE_CLI_OK = 0,
  EE_CLI_FAILED = 1,       // the run failed, or its results are not the expected ones
  EE_CLI_USAGE = 2,        // a wrong command line: flags, literals, number or type of inputs
  EE_CLI_BAD_INPUT = 3,    // an input file is missing, unreadable or malformed
  EE_CLI_MISSING = 4,      // the compiler or another program that the command needs is missing
  EE_CLI_OUTPUT = 5,       // an output cannot be written
  EE_CLI_CRASHED = 6,      // a child process crashed
  EE_CLI_INCOMPATIBLE = 7, // a module for another release, CPU or device; a device that is absent
} ee_cli_exit_t;

// The exit code of a failed call whose status is all that is known about it.
int ee_cli_exit_code(eerie_status_t status);
// The same where the call read a file: what is wrong with its content is BAD_INPUT, not USAGE.
int ee_cli_exit_code_of_file(eerie_status_t status);

// ---- Messages ----------------------------------------------------------------------------------

#if defined(__MINGW32__)
#define EE_CLI_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#elif defined(__GNUC__)
#define EE_CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define EE_CLI_PRINTF(text, first)
#endif

// The name that error lines carry from now on: a static string.
void ee_cli_set_command(const char *name);
// Prints "eerie <command>: <message>" and a newline on stderr, after what stdout holds, and returns
// `exit_code`.
int ee_cli_fail(int exit_code, const char *format, ...) EE_CLI_PRINTF(2, 3);
// Prints a failed call's message; a record without a message shows its status by name.
int ee_cli_fail_error(int exit_code, const eerie_error_t *err);
// Fills `err` (NULL is harmless) and returns `status`.
eerie_status_t ee_cli_error(eerie_error_t *err, eerie_status_t status, const char *format, ...)
    EE_CLI_PRINTF(3, 4);
// The entry of `names`, which ends with NULL, that `name` was probably meant to be; else NULL.
const char *ee_cli_nearest(const char *name, const char *const *names);
// Pushes out what stdout holds: OK, or OUTPUT with a message when it could not be written.
int ee_cli_flush_stdout(int exit_code);

// ---- Text --------------------------------------------------------------------------------------

// A growing piece of text or bytes. Zero-initialise it; free with ee_cli_text_free. Running out of
// memory sets `failed`, and everything after that is ignored, so that one test at the end is
// enough.
typedef struct ee_cli_text {
  char *data; // NUL-terminated once anything was appended
  size_t size, capacity;
  bool failed;
} ee_cli_text_t;

void ee_cli_text_append(ee_cli_text_t *text, const void *data, size_t size);
void ee_cli_text_string(ee_cli_text_t *text, const char *string);
void ee_cli_text_printf(ee_cli_text_t *text, const char *format, ...) EE_CLI_PRINTF(2, 3);
// Appends `size` zero bytes and returns where they are; NULL when there is no memory.
char *ee_cli_text_grow(ee_cli_text_t *text, size_t size);
void ee_cli_text_free(ee_cli_text_t *text);

// "12.3 KB"; "812 bytes" where that is exact enough.
void ee_cli_text_bytes(ee_cli_text_t *text, uint64_t size);

// ---- Options -----------------------------------------------------------------------------------

// A growing list of borrowed strings.
typedef struct ee_cli_strings {
  const char **items;
  size_t count;
} ee_cli_strings_t;
void ee_cli_strings_free(ee_cli_strings_t *strings);

typedef enum ee_cli_option_kind {
  EE_CLI_SWITCH,   // bool: --json, --json=false
  EE_CLI_STRING,   // const char *: the last one counts
  EE_CLI_STRINGS,  // ee_cli_strings_t: may be repeated
  EE_CLI_NUMBER,   // uint64_t
  EE_CLI_REAL,     // double, not negative
  EE_CLI_OPTIONAL, // const char *: "" when given without a value
} ee_cli_option_kind_t;

typedef struct ee_cli_option {
  const char *name;  // "expected_output"; '-' and '_' are the same. One letter: "-o" as well
  const char *value; // placeholder for the help: "PATH"; NULL for switches
  ee_cli_option_kind_t kind;
  void *target;
  const char *help; // NULL: understood, but not shown
} ee_cli_option_t;

typedef struct ee_cli_command {
  const char *name;
  const char *summary;   // one line
  const char *arguments; // "[options] MODULE"
  const char *notes;     // printed after the options: an example at least
  const ee_cli_option_t *options;
  size_t option_count;
  bool tool_flags; // those of iree-run-module that are none of these are understood: tool_flags.c
} ee_cli_command_t;

// Reads `argv` after the command's name (argv[0]) into the targets of the options: --name=value,
// --name value for those that need one, everything after `--` and whatever does not start with '-'
// into `positional` (NULL: there must be none). Returns false when the command is over: after
// --help, or an error that has been printed; `out_exit` has the exit code. The caller frees the
// lists in both cases.
bool ee_cli_parse_options(const ee_cli_command_t *command, int argc, char **argv,
                          ee_cli_strings_t *positional, int *out_exit);

// A flag of iree-run-module that this runtime has no use for; `value` NULL: given without one.
// False: it is none. What tunes or watches IREE's own machinery changes nothing here and is passed
// over; what asks for a result that would be missing sets `out_exit`, after a message.
bool ee_cli_tool_flag(const char *name, size_t length, const char *value, int *out_exit);

// ---- Commands ----------------------------------------------------------------------------------

// Each takes the arguments from the command's own name on and returns the process's exit code.
int eerie_cli_bench(int argc, char **argv);
int eerie_cli_bind(int argc, char **argv);
int eerie_cli_cache(int argc, char **argv);
int eerie_cli_check(int argc, char **argv);
int eerie_cli_compile(int argc, char **argv);
int eerie_cli_devices(int argc, char **argv);
int eerie_cli_doctor(int argc, char **argv);
int eerie_cli_embed(int argc, char **argv);
int eerie_cli_import(int argc, char **argv);
int eerie_cli_inspect(int argc, char **argv);
int eerie_cli_params(int argc, char **argv);
int eerie_cli_profile(int argc, char **argv);
int eerie_cli_run(int argc, char **argv);
int eerie_cli_tune(int argc, char **argv);

#endif // EERIE_CLI_CLI_H_
