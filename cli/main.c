// main.c: the `eerie` command: finds the command that is asked for and hands over.
#include <string.h>

#include "cli.h"
#include "eerie/eerie.h"

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *summary;
} commands[] = {
    {"compile", eerie_cli_compile, "compile a model to a .vmfb module"},
    {"tune", eerie_cli_tune, "find the flags that make a model fastest here"},
    {"cache", eerie_cli_cache, "list or clear modules that were compiled before"},
    {"run", eerie_cli_run, "call a function of a module"},
    {"bench", eerie_cli_bench, "time functions of modules, side by side"},
    {"profile", eerie_cli_profile, "show what a function spends its time on"},
    {"check", eerie_cli_check, "run the tests in a module"},
    {"inspect", eerie_cli_inspect, "show what is in a module"},
    {"bind", eerie_cli_bind, "write a typed C header for a module"},
    {"embed", eerie_cli_embed, "write a model as the sources of firmware"},
    {"params", eerie_cli_params, "list, check and convert files of weights"},
    {"import", eerie_cli_import, "turn a framework's model into MLIR"},
    {"devices", eerie_cli_devices, "list the devices"},
    {"doctor", eerie_cli_doctor, "show what is installed and how to mend what is not"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const char exit_codes[] =
    "Exit codes of eerie:\n"
    "  0  success\n"
    "  1  the run failed, or a result is not the expected one\n"
    "  2  wrong command line: an option, a value, the number or type of inputs\n"
    "  3  an input file is missing, unreadable, or not what it should be\n"
    "  4  the compiler or another program that the command needs is missing\n"
    "  5  an output cannot be written; nothing half-written is left\n"
    "  6  a child process crashed\n"
    "  7  the module is for another release, CPU or device, or the device is absent\n";

static int print_help(void) {
  puts("eerie: compiles machine-learning models and runs them\n"
       "\n"
       "Usage: eerie COMMAND [options]\n"
       "\n"
       "Commands:");
  for (size_t i = 0; i < COMMANDS; ++i)
    printf("  %-10s %s\n", commands[i].name, commands[i].summary);
  puts("\n"
       "eerie COMMAND --help   options and an example\n"
       "eerie help exit-codes  what the exit codes mean\n"
       "eerie --version        the version\n"
       "\n"
       "Example:\n"
       "  eerie compile mul.mlir -o mul.vmfb\n"
       "  eerie run --module=mul.vmfb --input=\"4xf32=1 2 3 4\" --input=4xf32=10");
  return EE_CLI_OK;
}

static int unknown_command(const char *name) {
  const char *names[COMMANDS + 2];
  for (size_t i = 0; i < COMMANDS; ++i)
    names[i] = commands[i].name;
  names[COMMANDS] = "help";
  names[COMMANDS + 1] = NULL;
  const char *const nearest = ee_cli_nearest(name, names);
  if (nearest)
    return ee_cli_fail(EE_CLI_USAGE, "unknown command '%s'; did you mean %s?", name, nearest);
  return ee_cli_fail(EE_CLI_USAGE, "unknown command '%s'; see eerie --help", name);
}

static int run_command(int argc, char **argv) {
  for (size_t i = 0; i < COMMANDS; ++i) {
    if (strcmp(commands[i].name, argv[0]) != 0) continue;
    ee_cli_set_command(commands[i].name);
    return commands[i].run(argc, argv);
  }
  return unknown_command(argv[0]);
}

static int help(int argc, char **argv) {
  if (argc < 2) return print_help();
  if (strcmp(argv[1], "exit-codes") == 0 || strcmp(argv[1], "exit_codes") == 0) {
    fputs(exit_codes, stdout);
    return EE_CLI_OK;
  }
  char option[] = "--help";
  char *arguments[] = {argv[1], option, NULL};
  return run_command(2, arguments);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    print_help();
    return ee_cli_flush_stdout(EE_CLI_USAGE);
  }
  const char *const first = argv[1];
  if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0)
    return ee_cli_flush_stdout(help(argc - 1, argv + 1));
  if (strcmp(first, "--version") == 0 || strcmp(first, "version") == 0) {
    printf("eerie %s\n", eerie_version());
    return ee_cli_flush_stdout(EE_CLI_OK);
  }
  return ee_cli_flush_stdout(run_command(argc - 1, argv + 1));
}
