// json.h: JSON as the commands print it with --json.
#ifndef EERIE_CLI_JSON_H_
#define EERIE_CLI_JSON_H_

#include "cli.h"

// Zero-initialise it. Every function takes the member's name first; NULL inside arrays and for the
// outermost value.
typedef struct ee_cli_json {
  ee_cli_text_t text;
  unsigned depth;
  bool has_members; // of what is open
  bool compact;     // all in one line
} ee_cli_json_t;

void ee_cli_json_open(ee_cli_json_t *json, const char *name, char bracket); // '{' or '['
void ee_cli_json_close(ee_cli_json_t *json, char bracket);                  // '}' or ']'
// Bytes that are no UTF-8 become U+FFFD. NULL is null.
void ee_cli_json_string(ee_cli_json_t *json, const char *name, const char *value);
void ee_cli_json_number(ee_cli_json_t *json, const char *name, uint64_t value);
void ee_cli_json_real(ee_cli_json_t *json, const char *name, double value);
void ee_cli_json_bool(ee_cli_json_t *json, const char *name, bool value);

// Prints it with a newline and frees it. Returns an exit code.
int ee_cli_json_print(ee_cli_json_t *json);

#endif // EERIE_CLI_JSON_H_
