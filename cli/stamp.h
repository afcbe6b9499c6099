// stamp.h: where a module comes from, written behind its last byte.
#ifndef EERIE_CLI_STAMP_H_
#define EERIE_CLI_STAMP_H_

#include "cli.h"

typedef struct ee_cli_stamp {
  const char *compiler; // release, "3.13.0"
  const char *revision; // may be NULL or empty
  const char *source;   // path, of which the name is kept
  char source_sha256[65];
  const ee_cli_strings_t *targets;
  const ee_cli_strings_t *flags;   // all that the compiler was given, in order
  const char *mode, *compile_from; // NULL: the usual
  int64_t time;                    // seconds since 1970; negative: not told
} ee_cli_stamp_t;

// The time to stamp: that of SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs), which must
// be a number, or now. Returns an exit code.
int ee_cli_stamp_time(int64_t *out_time);

// The hash of a file.
eerie_status_t ee_cli_stamp_hash_file(const char *path, char out_text[65], eerie_error_t *err);

// What follows the first `*out_kept` bytes of the module, so that it carries the stamp.
void ee_cli_stamp_write(const ee_cli_stamp_t *stamp, const void *module, size_t size,
                        size_t *out_kept, ee_cli_text_t *out_end);

#endif // EERIE_CLI_STAMP_H_
