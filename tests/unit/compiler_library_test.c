// Finding and opening the compiler: needs none, works on made-up environments and a made-up
// library.
#define _GNU_SOURCE

#include <dlfcn.h>
#include <sys/stat.h>

#include "unit/compiler_support.h"

#define IN_PACKAGES "iree/compiler/_mlir_libs/libIREECompiler.so"

// The path of a file of the test, whose folders are made.
static const char *make_folders(const char *path) {
  static char whole[8400];
  snprintf(whole, sizeof whole, "%s%s%s", path[0] == '/' ? "" : test_folder(),
           path[0] == '/' ? "" : "/", path);
  for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(whole, 0777);
    *slash = '/';
  }
  return whole;
}

// Puts a file where pip would, below an environment; the content does not matter for finding.
static void install(const char *prefix, const char *python) {
  char path[4096];
  snprintf(path, sizeof path, "%s/lib/%s/site-packages/" IN_PACKAGES, prefix, python);
  CHECK(write_file(make_folders(path), "x", 1));
}

static void forget_environment(void) {
  unsetenv("EERIE_COMPILER_LIB");
  unsetenv("VIRTUAL_ENV");
  unsetenv("CONDA_PREFIX");
  setenv("HOME", test_path("nobody"), 1);
  setenv("PATH", "/nonexistent", 1);
  make_folders("empty/x");
  CHECK_EQ_INT(chdir(test_path("empty")), 0);
}

static void check_found(const char *library_path, const char *expected) {
  char path[4096];
  eerie_error_t err = {0};
  CHECK_OK(eerie_compiler_find(library_path, path, sizeof path, &err));
  CHECK_CONTAINS(path, expected);
  CHECK_STR(err.message, "");
}

static void names_every_place_and_the_command_when_there_is_none(void) {
  forget_environment();
  char path[4096] = "x";
  eerie_error_t err = {0};
  CHECK_STATUS(eerie_compiler_find(NULL, path, sizeof path, &err), EERIE_UNAVAILABLE);
  CHECK_STR(path, "");
  CHECK_CONTAINS(err.message, "python3 -m pip install iree-base-compiler==3.13.0");
  CHECK_CONTAINS(err.message, "make setup");
  CHECK_CONTAINS(err.message, "EERIE_COMPILER_LIB: not set");
  CHECK_CONTAINS(err.message, "current directory: no .venv");
  texts_t *places = calloc(1, sizeof *places);
  REQUIRE(places);
  eerie_compiler_list_places(hear_text, places);
  CHECK_CONTAINS(places->all, "VIRTUAL_ENV: not set");
  CHECK_CONTAINS(places->all, "CONDA_PREFIX: not set");
  CHECK_CONTAINS(places->all, "program: no .venv");
  CHECK_CONTAINS(places->all, "PATH: no python3");
  CHECK_CONTAINS(places->all, "/nobody/.local: no iree-base-compiler");
  free(places);
}

static void takes_the_path_that_is_given(void) {
  forget_environment();
  install("given", "python3.11");
  check_found(test_path("given/lib/python3.11/site-packages/" IN_PACKAGES), "given/lib/python3.11");
  check_found(test_path("given"), "given/lib/python3.11");
  check_found(test_path("given/lib/python3.11/site-packages"), "given/lib/python3.11");
  eerie_error_t err = {0};
  char path[4096];
  CHECK_STATUS(eerie_compiler_find(test_path("nowhere"), path, sizeof path, &err),
               EERIE_UNAVAILABLE);
  CHECK_CONTAINS(err.message, "/nowhere");
  CHECK_CONTAINS(err.message, "python3 -m pip install");
  CHECK_STATUS(eerie_compiler_find(test_path("empty"), path, sizeof path, &err), EERIE_UNAVAILABLE);
  CHECK_CONTAINS(err.message, "in the folder");
  CHECK_STATUS(eerie_compiler_find(test_path("given"), path, 10, &err), EERIE_OUT_OF_RANGE);
}

static void an_environment_variable_comes_before_the_search(void) {
  forget_environment();
  install("given", "python3.11");
  install("active", "python3.11");
  setenv("VIRTUAL_ENV", test_path("active"), 1);
  check_found(NULL, "/active/");
  setenv("EERIE_COMPILER_LIB", test_path("given"), 1);
  check_found(NULL, "/given/");
  setenv("EERIE_COMPILER_LIB", test_path("nowhere"), 1);
  eerie_error_t err = {0};
  char path[4096];
  CHECK_STATUS(eerie_compiler_find(NULL, path, sizeof path, &err), EERIE_UNAVAILABLE);
  CHECK_CONTAINS(err.message, "EERIE_COMPILER_LIB");
  unsetenv("EERIE_COMPILER_LIB");
  unsetenv("VIRTUAL_ENV");
  setenv("CONDA_PREFIX", test_path("active"), 1);
  check_found(NULL, "/active/");
}

static void finds_venv_in_a_parent_of_the_current_directory(void) {
  forget_environment();
  install("project/.venv", "python3.9");
  install("project/.venv", "python3.12");
  make_folders("project/a/b/c/x");
  CHECK_EQ_INT(chdir(test_path("project/a/b/c")), 0);
  check_found(NULL, "project/.venv/lib/python3.12/");
}

static void finds_the_environment_of_python_on_path(void) {
  forget_environment();
  install("tool", "python3.11");
  const char *python = make_folders("tool/bin/python3");
  CHECK(write_file(python, "#!/bin/sh\nexit 1\n", 17));
  CHECK_EQ_INT(chmod(python, 0755), 0);
  setenv("PATH", test_path("tool/bin"), 1);
  check_found(NULL, "/tool/lib/");
}

// A wrapper of the kind that pyenv installs: the prefix is not beside it.
static void asks_python_as_the_last_resort(void) {
  forget_environment();
  install("hidden", "python3.11");
  char script[8192];
  const int length =
      snprintf(script, sizeof script,
               "#!/bin/sh\nprintf %%s '%s/hidden/lib/python3.11/site-packages/iree/compiler'\n",
               test_folder());
  const char *python = make_folders("shims/bin/python3");
  CHECK(write_file(python, script, (size_t)length));
  CHECK_EQ_INT(chmod(python, 0755), 0);
  setenv("PATH", test_path("shims/bin"), 1);
  check_found(NULL, "/hidden/lib/");
}

static void refuse(const char *path, const char *why) {
  eerie_error_t err = {0};
  eerie_compiler_t *none = (eerie_compiler_t *)&err;
  CHECK_STATUS(eerie_compiler_load(&(eerie_compiler_options_t){.library_path = path}, &none, &err),
               EERIE_INCOMPATIBLE);
  CHECK(none == NULL);
  CHECK_EQ_INT(err.code, EERIE_INCOMPATIBLE);
  CHECK_CONTAINS(err.message, why);
  CHECK_CONTAINS(err.message, path);
}

static void refuses_what_is_no_compiler(void) {
  const char *text = test_path("text.so");
  CHECK(write_file(text, "not a library\n", 14));
  refuse(text, "cannot open");
  Dl_info info;
  REQUIRE(dladdr((void *)(uintptr_t)fopen, &info) != 0);
  // A program linked statically is no library either.
  if (strstr(info.dli_fname, ".so")) refuse(info.dli_fname, "ireeCompilerGetAPIVersion");
  setenv("EERIE_FAKE", "version", 1);
  refuse(EERIE_TEST_FAKE_COMPILER, "version 2.1");
  refuse(EERIE_TEST_FAKE_COMPILER, "expected 1.4");
  unsetenv("EERIE_FAKE");
}

static void opens_one_library_for_the_process(void) {
  eerie_error_t err = {0};
  eerie_compiler_t *first = NULL, *second = NULL, *other = NULL;
  const eerie_compiler_options_t fake = {.library_path = EERIE_TEST_FAKE_COMPILER};
  REQUIRE_OK(eerie_compiler_load(&fake, &first, &err));
  CHECK_OK(eerie_compiler_load(&fake, &second, &err));
  install("given", "python3.11");
  CHECK_STATUS(eerie_compiler_load(&(eerie_compiler_options_t){.library_path = test_path("given")},
                                   &other, &err),
               EERIE_FAILED_PRECONDITION);
  CHECK_CONTAINS(err.message, EERIE_TEST_FAKE_COMPILER);
  CHECK_CONTAINS(err.message, "/given/");

  // An abort in the initialisation is an error, and may be tried again.
  eerie_compiler_info_t info;
  setenv("EERIE_FAKE", "abort", 1);
  CHECK_STATUS(eerie_compiler_get_info(first, &info, &err), EERIE_INTERNAL);
  CHECK_CONTAINS(err.message, "cannot be initialised");
  eerie_compiler_session_t *session = NULL;
  CHECK_STATUS(eerie_compiler_session_create(first, &session, &err), EERIE_INTERNAL);
  CHECK(session == NULL);
  unsetenv("EERIE_FAKE");
  REQUIRE_OK(eerie_compiler_get_info(second, &info, &err));
  CHECK_STR(info.release, "9.8.7");
  CHECK_STR(info.revision, "9.8.7rc1 @ fake");
  CHECK_EQ_INT(info.api_major, 1);
  CHECK_EQ_INT(info.api_minor, 4);
  eerie_compiler_retain(first);
  eerie_compiler_release(first);
  eerie_compiler_release(first);
  eerie_compiler_release(second);
  eerie_compiler_release(NULL);
}

// The search goes up from the program's folder, and the build folder may have a .venv above it. A
// copy of the program elsewhere has none.
static int run_copy(char **argv) {
  static char program[8 << 20];
  const long size = read_file("/proc/self/exe", program, sizeof program);
  const char *copy = make_folders("bin/library_test");
  if (size <= 0 || (size_t)size == sizeof program || !write_file(copy, program, (size_t)size) ||
      chmod(copy, 0755) != 0)
    return 1;
  setenv("EERIE_TEST_FOLDER", test_folder(), 1);
  execv(copy, argv);
  return 1;
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(names_every_place_and_the_command_when_there_is_none),
      RUN(takes_the_path_that_is_given),
      RUN(an_environment_variable_comes_before_the_search),
      RUN(finds_venv_in_a_parent_of_the_current_directory),
      RUN(finds_the_environment_of_python_on_path),
      RUN(asks_python_as_the_last_resort),
      RUN(refuses_what_is_no_compiler),
      RUN(opens_one_library_for_the_process),
  };
  if (!test_folder()[0]) return 1;
  if (!getenv("EERIE_TEST_FOLDER")) return run_copy(argv);
  char path[4096];
  const char *was = getenv("PATH");
  snprintf(path, sizeof path, "%s", was ? was : "");
  const int result = check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
  setenv("PATH", path, 1);
  if (chdir("/") == 0) remove_test_folder();
  return result;
}
