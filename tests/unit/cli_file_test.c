// Files written as a whole or not at all.
#define _POSIX_C_SOURCE 200809L
#include "cli/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/check.h"

static char folder[] = "/tmp/eerie-file-test-XXXXXX";

static const char *in_folder(const char *name) {
  static char path[2][128];
  static int turn;
  turn = !turn;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}

static void put(const char *path, const char *content) {
  FILE *file = fopen(path, "w");
  if (!CHECK(file != NULL)) return;
  fputs(content, file);
  fclose(file);
}

static void check_content(const char *path, const char *expected) {
  ee_cli_text_t content = {0};
  if (!CHECK_OK(ee_cli_read_file(path, &content, NULL))) return;
  CHECK_STR(content.data, expected);
  ee_cli_text_free(&content);
}

// Names in the folder other than "." and "..".
static int count_files(void) {
  int count = 0;
  DIR *directory = opendir(folder);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

static void write_one(ee_cli_outputs_t *outputs, const char *path, bool append, const char *text) {
  ee_cli_text_t *content = NULL;
  if (CHECK_OK(ee_cli_outputs_open(outputs, path, append, &content, NULL)))
    ee_cli_text_string(content, text);
}

static void writes_and_appends(void) {
  ee_cli_outputs_t outputs = {0};
  put(in_folder("old"), "old ");
  char old[128], fresh[128];
  snprintf(old, sizeof old, "%s", in_folder("old"));
  snprintf(fresh, sizeof fresh, "%s", in_folder("fresh"));
  chmod(old, 0640);
  write_one(&outputs, old, true, "new ");
  write_one(&outputs, old, true, "newer");
  write_one(&outputs, fresh, false, "lost");
  write_one(&outputs, fresh, false, "kept ");
  write_one(&outputs, fresh, true, "and more");
  check_content(old, "old "); // nothing yet
  CHECK_OK(ee_cli_outputs_commit(&outputs, NULL));
  ee_cli_outputs_free(&outputs);
  check_content(old, "old new newer");
  check_content(fresh, "kept and more");
  struct stat info;
  CHECK(stat(old, &info) == 0 && (info.st_mode & 0777) == 0640);
  CHECK_EQ_INT(count_files(), 2);
  unlink(old);
  unlink(fresh);
}

static void failure_leaves_nothing(void) {
  ee_cli_outputs_t outputs = {0};
  eerie_error_t err = {0};
  char good[128], bad[128];
  snprintf(good, sizeof good, "%s", in_folder("good"));
  snprintf(bad, sizeof bad, "%s", in_folder("absent/bad"));
  write_one(&outputs, good, false, "x");
  write_one(&outputs, bad, false, "y");
  CHECK_STATUS(ee_cli_outputs_commit(&outputs, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "absent/bad");
  ee_cli_outputs_free(&outputs);
  CHECK_EQ_INT(count_files(), 0);
}

static void checks_beforehand(void) {
  eerie_error_t err = {0};
  CHECK_OK(ee_cli_output_check(in_folder("new"), NULL));
  CHECK_OK(ee_cli_output_check("/dev/null", NULL));
  CHECK_OK(ee_cli_output_check("-", NULL));
  CHECK_STATUS(ee_cli_output_check(in_folder("absent/file"), &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "absent/file: No such file");
  CHECK_STATUS(ee_cli_output_check(folder, &err), EERIE_INVALID_ARGUMENT);
  CHECK_STATUS(ee_cli_output_check("", &err), EERIE_INVALID_ARGUMENT);
}

static void bad_inputs_are_named(void) {
  ee_cli_text_t content;
  eerie_error_t err = {0};
  CHECK_STATUS(ee_cli_read_file(in_folder("absent"), &content, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "absent: No such file");
  CHECK(content.data == NULL);
  CHECK_STATUS(ee_cli_read_file(folder, &content, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "Is a directory");
}

static void reads_more_than_a_chunk(void) {
  char path[128];
  snprintf(path, sizeof path, "%s", in_folder("large"));
  FILE *file = fopen(path, "w");
  for (int i = 0; i < 200000; ++i)
    fputc('a' + i % 26, file);
  fclose(file);
  ee_cli_text_t content;
  REQUIRE_OK(ee_cli_read_file(path, &content, NULL));
  CHECK_EQ_INT(content.size, 200000);
  CHECK_EQ_INT(content.data[199999], 'a' + 199999 % 26);
  ee_cli_text_free(&content);
  unlink(path);
}

static void others_files_are_put(void) {
  char made[128], place[128], bytes[16] = "";
  snprintf(made, sizeof made, "%s", in_folder("made"));
  snprintf(place, sizeof place, "%s", in_folder("place"));
  put(made, "first");
  CHECK_OK(ee_cli_file_put(made, place, NULL));
  put(made, "second");
  CHECK_OK(ee_cli_file_put(made, place, NULL));
  check_content(place, "second");
  CHECK_EQ_INT(count_files(), 1);
  unlink(place);
  // A pipe is written to and stays.
  CHECK_EQ_INT(mkfifo(place, 0600), 0);
  const int reader = open(place, O_RDONLY | O_NONBLOCK);
  put(made, "third");
  CHECK_OK(ee_cli_file_put(made, place, NULL));
  CHECK_EQ_INT(read(reader, bytes, sizeof bytes), 5);
  CHECK_STR(bytes, "third");
  struct stat info;
  CHECK(stat(place, &info) == 0 && S_ISFIFO(info.st_mode));
  CHECK_EQ_INT(count_files(), 1);
  eerie_error_t err = {0};
  CHECK_STATUS(ee_cli_file_put(made, place, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "made");
  close(reader);
  unlink(place);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(writes_and_appends),      RUN(failure_leaves_nothing),
                                       RUN(checks_beforehand),       RUN(bad_inputs_are_named),
                                       RUN(reads_more_than_a_chunk), RUN(others_files_are_put)};
  if (!mkdtemp(folder)) return 1;
  const int result = check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
  rmdir(folder);
  return result;
}
