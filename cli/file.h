// file.h: files read as a whole, and files written as a whole or not at all.
#ifndef EERIE_CLI_FILE_H_
#define EERIE_CLI_FILE_H_

#include "cli.h"

// Reads all of a file, or of standard input when `path` is "-". NOT_FOUND, PERMISSION_DENIED,
// INVALID_ARGUMENT (a directory), RESOURCE_EXHAUSTED, UNAVAILABLE (reading failed); the message
// names the file.
eerie_status_t ee_cli_read_file(const char *path, ee_cli_text_t *out_content, eerie_error_t *err);

typedef struct ee_cli_output {
  const char *path; // borrowed
  char *temporary;  // written, and not yet in its place
  const void *head; // borrowed bytes that stand before the content
  size_t head_size;
  ee_cli_text_t content;
} ee_cli_output_t;

// Files that appear together when everything else has worked out. Zero-initialise it.
typedef struct ee_cli_outputs {
  ee_cli_output_t *items;
  size_t count;
} ee_cli_outputs_t;

// Whether a file could be put at `path`, as far as that shows beforehand.
eerie_status_t ee_cli_output_check(const char *path, eerie_error_t *err);
// The content that the file will have, to be appended to: empty, or with `append` what the file
// holds now, or was given before.
eerie_status_t ee_cli_outputs_open(ee_cli_outputs_t *outputs, const char *path, bool append,
                                   ee_cli_text_t **out_content, eerie_error_t *err);
// A file that begins with `size` borrowed bytes at `head`, instead of a copy of them.
eerie_status_t ee_cli_outputs_open_head(ee_cli_outputs_t *outputs, const char *path,
                                        const void *head, size_t size, ee_cli_text_t **out_content,
                                        eerie_error_t *err);
// Writes all files beside their places, then renames them. What is no regular file (a pipe,
// /dev/stdout; "-" for standard output) is written directly.
eerie_status_t ee_cli_outputs_commit(ee_cli_outputs_t *outputs, eerie_error_t *err);
// Removes what was not renamed, and frees everything.
void ee_cli_outputs_free(ee_cli_outputs_t *outputs);

// One file that is too large to be held: it is written beside its place while it comes, and renamed
// at the end. Zero-initialise it.
typedef struct ee_cli_stream {
  const char *path; // borrowed
  char *temporary;
  int file; // plus 1: 0 is none
} ee_cli_stream_t;

eerie_status_t ee_cli_stream_open(ee_cli_stream_t *stream, const char *path, eerie_error_t *err);
eerie_status_t ee_cli_stream_write(ee_cli_stream_t *stream, const void *data, size_t size,
                                   eerie_error_t *err);
eerie_status_t ee_cli_stream_commit(ee_cli_stream_t *stream, eerie_error_t *err);
// Removes what was not renamed, and frees everything.
void ee_cli_stream_free(ee_cli_stream_t *stream);

// Puts the finished file `made` in the place of `path`, or writes what is in it to a `path` that is
// no regular file, and removes it.
eerie_status_t ee_cli_file_put(const char *made, const char *path, eerie_error_t *err);

#endif // EERIE_CLI_FILE_H_
