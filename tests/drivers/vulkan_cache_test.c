// The pipeline cache's file: damaged, written by several at once and by processes that are killed.
#define _GNU_SOURCE // usleep, popen
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "drivers/vulkan_support.h"

// In the place of the system's, for all of this process: what is written is out, and not yet in its
// place. Whoever is told to ends there.
int fsync(int file) {
  if (getenv("EERIE_TEST_KILL_AT_SYNC")) kill(getpid(), SIGKILL);
  return (int)syscall(SYS_fsync, file);
}

// The only file with this ending in the folder of caches that was set up for this test.
static bool file_like(const char *ending, char *out_path, size_t capacity) {
  char command[1100];
  snprintf(command, sizeof command, "ls \"%s\"/eerie/vulkan-*%s 2>/dev/null",
           getenv("XDG_CACHE_HOME"), ending);
  FILE *list = popen(command, "r");
  const bool found = list && fgets(out_path, (int)capacity, list);
  if (list) pclose(list);
  if (found) out_path[strcspn(out_path, "\n")] = 0;
  return found;
}

static bool cache_file(char *out_path, size_t capacity) {
  return file_like(".bin", out_path, capacity);
}

static void a_damaged_cache_is_not_used(void) {
  char path[1024], *bytes = NULL;
  program_t p;
  if (!opened(&p, "gpu_vulkan")) return;
  program_close(&p);
  if (!CHECK(cache_file(path, sizeof path))) return;
  FILE *file = fopen(path, "rb");
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  rewind(file);
  bytes = malloc((size_t)size);
  CHECK_EQ_INT(fread(bytes, 1, (size_t)size, file), size);
  fclose(file);
  // Cut, changed, of another version, not of ours at all: each is replaced by a sound one.
  for (int defect = 0; defect < 4; ++defect) {
    file = fopen(path, "wb");
    if (!CHECK(file != NULL)) break;
    static const long places[] = {0, 8, 60, 0};
    if (defect < 3) bytes[places[defect]] ^= 1;
    fwrite(bytes, 1, (size_t)(defect == 3 ? size / 2 : size), file);
    if (defect < 3) bytes[places[defect]] ^= 1;
    fclose(file);
    if (!opened(&p, "gpu_vulkan")) break;
    CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
    program_close(&p);
  }
  free(bytes);
}

// ---- Several processes -------------------------------------------------------------------------

// What the processes below do. EERIE_TEST_CACHED: they find a cache that they can use.
static void uses_the_cache(void) {
  program_t p;
  if (!opened(&p, "gpu_vulkan")) return;
  if (getenv("EERIE_TEST_CACHED")) CHECK(shim->cache_size > 0);
  CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
  program_close(&p);
}

// Starts this program once more with `variable` in its environment (NULL: none) and files of at
// most `most` bytes.
static pid_t start(const char *variable, rlim_t most) {
  const pid_t child = fork();
  if (child) return child;
  const struct rlimit limit = {most, most}, no_core = {0, 0};
  // Drivers have caches of their own, which are not to be what meets the limit.
  setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
  if (variable) setenv(variable, "1", 1);
  (void)setrlimit(RLIMIT_CORE, &no_core);
  if (most != RLIM_INFINITY && setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
  execl("/proc/self/exe", "vulkan_cache_test", "uses_the_cache", (char *)NULL);
  _exit(2);
}

// The signal that ended it, or 0 where it ended well.
static int end_of(pid_t child) {
  int status = 0;
  if (!CHECK(child > 0) || !CHECK(waitpid(child, &status, 0) == child)) return -1;
  if (WIFSIGNALED(status)) return WTERMSIG(status);
  return CHECK_EQ_INT(WEXITSTATUS(status), 0) ? 0 : -1;
}

static int run_process(const char *variable, rlim_t most) {
  return end_of(start(variable, most));
}

static size_t read_cache(uint8_t *out_bytes, size_t capacity) {
  char path[1024];
  if (!cache_file(path, sizeof path)) return 0;
  FILE *file = fopen(path, "rb");
  const size_t size = file ? fread(out_bytes, 1, capacity, file) : 0;
  if (file) fclose(file);
  return size;
}

static void remove_cache(void) {
  char path[1024];
  if (cache_file(path, sizeof path)) unlink(path);
}

// Damages the cache so that it is written again.
static void damage_cache(void) {
  char path[1024];
  if (!cache_file(path, sizeof path)) return;
  FILE *file = fopen(path, "r+b");
  if (!CHECK(file != NULL)) return;
  fputc('x', file);
  fclose(file);
}

static void a_killed_writer_leaves_the_old_file(void) {
  enum { MOST = 1 << 20 };
  uint8_t *before = malloc(MOST), *after = malloc(MOST);
  // Ended in the middle of writing, after each of these bytes, or when all is written.
  static const rlim_t sizes[] = {30, 70, RLIM_INFINITY};
  for (size_t i = 0; i < 2 * LENGTH(sizes); ++i) {
    const rlim_t most = sizes[i / 2];
    // Where there is none, and where there is one that it would replace.
    remove_cache();
    if (i & 1) {
      CHECK_EQ_INT(run_process(NULL, RLIM_INFINITY), 0);
      damage_cache();
    }
    const size_t size = read_cache(before, MOST);
    CHECK((size > 0) == (i & 1));
    const int signal = run_process(most == RLIM_INFINITY ? "EERIE_TEST_KILL_AT_SYNC" : NULL, most);
    CHECK_EQ_INT(signal, most == RLIM_INFINITY ? SIGKILL : SIGXFSZ);
    char left[1024];
    CHECK(file_like(".bin.new", left, sizeof left));
    CHECK_EQ_INT(read_cache(after, MOST), size);
    CHECK(memcmp(before, after, size) == 0);
    // The next one starts and writes, the one after that finds what it wrote.
    CHECK_EQ_INT(run_process(NULL, RLIM_INFINITY), 0);
    CHECK_EQ_INT(run_process("EERIE_TEST_CACHED", RLIM_INFINITY), 0);
    CHECK(!file_like(".bin.new", left, sizeof left));
  }
  free(before);
  free(after);
}

static void several_write_at_once(void) {
  for (int round = 0; round < 3; ++round) {
    pid_t children[4];
    remove_cache();
    for (size_t i = 0; i < LENGTH(children); ++i)
      children[i] = start(NULL, RLIM_INFINITY);
    for (size_t i = 0; i < LENGTH(children); ++i)
      CHECK_EQ_INT(end_of(children[i]), 0);
    CHECK_EQ_INT(run_process("EERIE_TEST_CACHED", RLIM_INFINITY), 0);
  }
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(a_damaged_cache_is_not_used),
      RUN(uses_the_cache),
      RUN(a_killed_writer_leaves_the_old_file),
      RUN(several_write_at_once),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
