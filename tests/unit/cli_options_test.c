// The command line, guesses at misspelt words, JSON, sizes as text, exit codes.
#include "cli/cli.h"
#include "cli/json.h"

#include "unit/check.h"

typedef struct targets {
  bool on;
  const char *text, *optional;
  ee_cli_strings_t texts, positional;
  uint64_t number;
  double real;
  int exit_code;
} targets_t;

// Parses a NULL-terminated list of arguments; the result is the parser's.
static bool parse(targets_t *t, const char *const *arguments) {
  *t = (targets_t){0};
  const ee_cli_option_t table[] = {
      {"switch", NULL, EE_CLI_SWITCH, &t->on, "a switch"},
      {"text_value", "T", EE_CLI_STRING, &t->text, "a text\nwith two lines"},
      {"list", "T", EE_CLI_STRINGS, &t->texts, "a list"},
      {"number", "N", EE_CLI_NUMBER, &t->number, "a number"},
      {"real", "X", EE_CLI_REAL, &t->real, "a real"},
      {"maybe", "T", EE_CLI_OPTIONAL, &t->optional, "an optional"},
      {"o", "FILE", EE_CLI_STRING, &t->text, "short"},
  };
  const ee_cli_command_t command = {.name = "test",
                                    .summary = "tests",
                                    .arguments = "[options]",
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  char *argv[16] = {NULL};
  int argc = 0;
  static char name[] = "test";
  argv[argc++] = name;
  for (; *arguments; ++arguments)
    memcpy(&argv[argc++], arguments, sizeof *arguments);
  return ee_cli_parse_options(&command, argc, argv, &t->positional, &t->exit_code);
}

static void done(targets_t *t) {
  ee_cli_strings_free(&t->texts);
  ee_cli_strings_free(&t->positional);
}

#define ARGUMENTS(...)                                                                             \
  (const char *const[]) {                                                                          \
    __VA_ARGS__, NULL                                                                              \
  }

static void all_forms(void) {
  targets_t t;
  CHECK(parse(&t, ARGUMENTS("--switch", "--text-value=a=b", "--list=1", "--list", "-2", "file",
                            "--number=42", "--real=0.5", "--maybe", "--", "--file")));
  CHECK(t.on);
  CHECK_STR(t.text, "a=b");
  CHECK_EQ_INT(t.texts.count, 2);
  CHECK_STR(t.texts.items[1], "-2");
  CHECK_EQ_INT(t.number, 42);
  CHECK_NEAR(t.real, 0.5, 0);
  CHECK_STR(t.optional, "");
  CHECK_EQ_INT(t.positional.count, 2);
  CHECK_STR(t.positional.items[1], "--file");
  done(&t);
  CHECK(parse(&t, ARGUMENTS("--switch=false", "-o", "out", "--maybe=x", "--text_value=")));
  CHECK(!t.on);
  CHECK_STR(t.text, "");
  CHECK_STR(t.optional, "x");
  done(&t);
}

static void wrong_ones_are_usage_errors(void) {
  static const char *const wrong[] = {
      "--swich",  "--number=x", "--number=-1", "--number=1.5", "--real=-1",
      "--real=x", "--switch=2", "-x",          "--text_value", "--number=99999999999999999999",
      "---o"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    targets_t t;
    CHECK(!parse(&t, ARGUMENTS(wrong[i])));
    CHECK_EQ_INT(t.exit_code, EE_CLI_USAGE);
    done(&t);
  }
}

static void help_ends_the_command(void) {
  targets_t t;
  CHECK(!parse(&t, ARGUMENTS("--help", "--nonsense")));
  CHECK_EQ_INT(t.exit_code, EE_CLI_OK);
  done(&t);
}

static void nearest_words(void) {
  const char *const words[] = {"module", "function", "input", "output", NULL};
  CHECK_STR(ee_cli_nearest("modul", words), "module");
  CHECK_STR(ee_cli_nearest("funtcion", words), "function");
  CHECK_STR(ee_cli_nearest("inptu", words), "input");
  CHECK_STR(ee_cli_nearest("fun", words), "function");
  CHECK_STR(ee_cli_nearest("zzzzzz", words), NULL);
  CHECK_STR(ee_cli_nearest("", words), NULL);
}

static void json_is_well_formed(void) {
  ee_cli_json_t json = {0};
  ee_cli_json_open(&json, NULL, '{');
  ee_cli_json_string(&json, "text", "a\"b\\c\n\x01 \xc3\xa9 \xff\xc3");
  ee_cli_json_open(&json, "empty", '[');
  ee_cli_json_close(&json, ']');
  ee_cli_json_open(&json, "list", '[');
  ee_cli_json_number(&json, NULL, UINT64_MAX);
  ee_cli_json_real(&json, NULL, 0.1);
  ee_cli_json_close(&json, ']');
  ee_cli_json_bool(&json, "yes", true);
  ee_cli_json_string(&json, "none", NULL);
  ee_cli_json_close(&json, '}');
  CHECK_STR(json.text.data, "{\n"
                            "  \"text\": \"a\\\"b\\\\c\\u000a\\u0001 \xc3\xa9 \\ufffd\\ufffd\",\n"
                            "  \"empty\": [],\n"
                            "  \"list\": [\n"
                            "    18446744073709551615,\n"
                            "    0.10000000000000001\n"
                            "  ],\n"
                            "  \"yes\": true,\n"
                            "  \"none\": null\n"
                            "}");
  ee_cli_text_free(&json.text);
}

static const char *size_text(uint64_t size) {
  static char result[32];
  ee_cli_text_t text = {0};
  ee_cli_text_bytes(&text, size);
  snprintf(result, sizeof result, "%s", text.data);
  ee_cli_text_free(&text);
  return result;
}

static void sizes_read_well(void) {
  CHECK_STR(size_text(0), "0 bytes");
  CHECK_STR(size_text(1), "1 byte");
  CHECK_STR(size_text(999), "999 bytes");
  CHECK_STR(size_text(10420), "10.4 KB");
  CHECK_STR(size_text(999999), "1.0 MB");
  CHECK_STR(size_text(UINT64_MAX), "18.4 EB");
}

static void exit_codes_by_kind(void) {
  CHECK_EQ_INT(ee_cli_exit_code(EERIE_OK), 0);
  CHECK_EQ_INT(ee_cli_exit_code(EERIE_INTERNAL), 1);
  CHECK_EQ_INT(ee_cli_exit_code(EERIE_INVALID_ARGUMENT), 2);
  CHECK_EQ_INT(ee_cli_exit_code(EERIE_NOT_FOUND), 3);
  CHECK_EQ_INT(ee_cli_exit_code(EERIE_DATA_LOSS), 3);
  CHECK_EQ_INT(ee_cli_exit_code(EERIE_INCOMPATIBLE), 7);
  CHECK_EQ_INT(ee_cli_exit_code_of_file(EERIE_INVALID_ARGUMENT), 3);
  CHECK_EQ_INT(ee_cli_exit_code_of_file(EERIE_PERMISSION_DENIED), 3);
  CHECK_EQ_INT(ee_cli_exit_code_of_file(EERIE_INCOMPATIBLE), 7);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(all_forms),         RUN(wrong_ones_are_usage_errors), RUN(help_ends_the_command),
      RUN(nearest_words),     RUN(json_is_well_formed),         RUN(sizes_read_well),
      RUN(exit_codes_by_kind)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
