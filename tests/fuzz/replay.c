// replay.c: runs a fuzz target over files and folders of inputs, without a fuzzer.
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static size_t count;

static void run_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    fprintf(stderr, "replay: cannot open %s\n", path);
    exit(2);
  }
  uint8_t *data = NULL;
  size_t size = 0, capacity = 0;
  do {
    if (size == capacity) {
      capacity = capacity ? 2 * capacity : 65536;
      data = realloc(data, capacity);
      if (!data) abort();
    }
    size += fread(data + size, 1, capacity - size, file);
  } while (size == capacity);
  fclose(file);
  (void)LLVMFuzzerTestOneInput(data, size);
  free(data);
  ++count;
}

static void run_path(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) return; // a corpus that is not there is empty
  if (!S_ISDIR(info.st_mode)) {
    run_file(path);
    return;
  }
  DIR *folder = opendir(path);
  if (!folder) exit(2);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char child[4096];
    snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
    if (stat(child, &info) == 0 && S_ISREG(info.st_mode)) run_file(child);
  }
  closedir(folder);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; ++i)
    run_path(argv[i]);
  printf("%zu inputs\n", count);
  return count ? 0 : 77;
}
