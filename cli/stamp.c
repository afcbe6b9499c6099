// stamp.c: what `eerie compile` writes behind a module. The place and its form are told in
// runtime/module/provenance.c, which reads it.
#define _POSIX_C_SOURCE 200809L
#include "stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "sha256.h"

int ee_cli_stamp_time(int64_t *out_time) {
  const char *const epoch = getenv("SOURCE_DATE_EPOCH");
  if (!epoch || !*epoch) {
    *out_time = (int64_t)time(NULL);
    return EE_CLI_OK;
  }
  char *end = NULL;
  errno = 0;
  const long long seconds = strtoll(epoch, &end, 10);
  // Until the end of the year 9999, which the text of a time has room for.
  if (*epoch < '0' || *epoch > '9' || *end || errno || seconds > 253402300799)
    return ee_cli_fail(EE_CLI_USAGE,
                       "SOURCE_DATE_EPOCH is '%.40s', expected seconds since 1970, or nothing",
                       epoch);
  *out_time = seconds;
  return EE_CLI_OK;
}

eerie_status_t ee_cli_stamp_hash_file(const char *path, char out_text[65], eerie_error_t *err) {
  static const char failed[] = "cannot read %s: %s";
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return ee_cli_error(err, EERIE_NOT_FOUND, failed, path, strerror(errno));
  ee_cli_sha256_t hash;
  ee_cli_sha256_begin(&hash);
  static unsigned char chunk[1 << 16];
  ssize_t got;
  do {
    got = read(file, chunk, sizeof chunk);
    if (got > 0) ee_cli_sha256_add(&hash, chunk, (size_t)got);
  } while (got > 0 || (got < 0 && errno == EINTR));
  const int number = errno;
  close(file);
  if (got < 0) return ee_cli_error(err, EERIE_UNAVAILABLE, failed, path, strerror(number));
  ee_cli_sha256_end(&hash, out_text);
  return EERIE_OK;
}

static void write_strings(ee_cli_json_t *json, const char *name, const ee_cli_strings_t *strings) {
  ee_cli_json_open(json, name, '[');
  for (size_t i = 0; i < strings->count; ++i)
    ee_cli_json_string(json, NULL, strings->items[i]);
  ee_cli_json_close(json, ']');
}

static void write_object(ee_cli_json_t *json, const ee_cli_stamp_t *stamp, bool with_flags) {
  const char *const slash = strrchr(stamp->source, '/');
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_string(json, "producer", "eerie " EERIE_VERSION);
  ee_cli_json_string(json, "compiler", stamp->compiler);
  if (stamp->revision && *stamp->revision) ee_cli_json_string(json, "revision", stamp->revision);
  ee_cli_json_string(json, "source", slash ? slash + 1 : stamp->source);
  if (stamp->source_sha256[0]) ee_cli_json_string(json, "source_sha256", stamp->source_sha256);
  write_strings(json, "targets", stamp->targets);
  if (with_flags) write_strings(json, "flags", stamp->flags);
  if (stamp->mode) ee_cli_json_string(json, "mode", stamp->mode);
  if (stamp->compile_from) ee_cli_json_string(json, "compile_from", stamp->compile_from);
  const time_t seconds = (time_t)stamp->time;
  struct tm parts;
  char text[32];
  if (stamp->time >= 0 && gmtime_r(&seconds, &parts) &&
      strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
    ee_cli_json_string(json, "time", text);
  ee_cli_json_close(json, '}');
}

static void append_u16(ee_cli_text_t *text, size_t value) {
  const char bytes[2] = {(char)(value & 0xff), (char)(value >> 8)};
  ee_cli_text_append(text, bytes, sizeof bytes);
}

void ee_cli_stamp_write(const ee_cli_stamp_t *stamp, const void *module, size_t size,
                        size_t *out_kept, ee_cli_text_t *out_end) {
  enum { RECORD_SIZE = 22, LENGTH_SIZE = 2, MARK_SIZE = 22, COMMENT_LIMIT = 0xffff };
  static const char record[RECORD_SIZE - LENGTH_SIZE] = "PK\005\006";
  ee_cli_json_t json = {.compact = true};
  write_object(&json, stamp, true);
  if (json.text.size > COMMENT_LIMIT - MARK_SIZE) {
    // An archive's comment has no room for so many flags.
    ee_cli_text_free(&json.text);
    json = (ee_cli_json_t){.compact = true};
    write_object(&json, stamp, false);
  }
  // The end of a ZIP archive without a comment: its length, zero, stands last.
  const char *const end = (const char *)module + size;
  const bool zip = size >= RECORD_SIZE && memcmp(end - RECORD_SIZE, record, 4) == 0 &&
                   end[-2] == 0 && end[-1] == 0;
  *out_kept = zip ? size - LENGTH_SIZE : size;
  if (!zip) ee_cli_text_append(out_end, record, sizeof record);
  append_u16(out_end, json.text.size + MARK_SIZE);
  ee_cli_text_append(out_end, json.text.data, json.text.size);
  ee_cli_text_printf(out_end, "\neerie-stamp:%08zx\n", json.text.size);
  if (json.text.failed) out_end->failed = true;
  ee_cli_text_free(&json.text);
}
