// diagnostics.c: what a compiler has to say of a source, as compilers print it.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiler.h"

// A source may hold anything; a terminal must not act on it.
static void diagnostic_print_text(const char *text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = (unsigned char)text[i];
    fputc((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : c, stderr);
  }
}

// The start of line number `number`, cut to `capacity`; false where there is none.
static bool diagnostic_read_line(const char *path, uint32_t number, char *line, size_t capacity) {
  struct stat info;
  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  size_t size = 0;
  int c = 0;
  for (uint32_t at = 1; at <= number && (c = getc(file)) != EOF;) {
    if (c == '\n')
      ++at;
    else if (at == number && size + 1 < capacity)
      line[size++] = (char)c;
  }
  fclose(file);
  line[size] = 0;
  return size > 0;
}

static void diagnostic_print_source(const eerie_compiler_diagnostic_t *diagnostic) {
  enum { WIDTH = 120 };
  char line[WIDTH] = "";
  if (!diagnostic->column || diagnostic->column >= WIDTH ||
      !diagnostic_read_line(diagnostic->file, diagnostic->line, line, sizeof line))
    return;
  fputs("  ", stderr);
  diagnostic_print_text(line, strlen(line));
  fputs("\n  ", stderr);
  for (uint32_t i = 1; i < diagnostic->column && line[i - 1]; ++i)
    fputc(line[i - 1] == '\t' ? '\t' : ' ', stderr);
  fputs("^\n", stderr);
}

void ee_cli_print_diagnostic(const eerie_compiler_diagnostic_t *diagnostic) {
  ee_cli_progress_clear();
  fflush(stdout);
  const bool placed = diagnostic->file && diagnostic->line;
  if (placed) fprintf(stderr, "%s:%u:%u: ", diagnostic->file, diagnostic->line, diagnostic->column);
  fprintf(stderr, "%s: ", eerie_compiler_severity_name(diagnostic->severity));
  diagnostic_print_text(diagnostic->message, diagnostic->message_size);
  fputc('\n', stderr);
  if (placed) diagnostic_print_source(diagnostic);
}
