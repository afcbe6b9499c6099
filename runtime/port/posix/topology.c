// topology.c: the CPUs that this process may use, and how much of them.
//
// Sources: Linux, Documentation/ABI/stable/sysfs-devices-system-cpu (topology/thread_siblings_list,
// cpu_capacity), /sys/devices/cpu_atom/cpus of hybrid x86 machines, Documentation/admin-guide/
// cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (cpu.cfs_quota_us). What cannot be read says
// nothing: a CPU alone on its core, as fast as the others, without a limit.
#define _GNU_SOURCE // sched_getaffinity

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include "port/port.h"

#define MAX_CPUS    4096
#define FULL_SPEED  1024u
#define EFFICIENT   512u // what a hybrid machine's small cores count for where it does not say
#define PATH_LENGTH 1024

// Reads a small file as text; false when there is none.
static bool read_text(const char *path, char *text, size_t capacity) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t size = read(file, text, capacity - 1);
  (void)close(file);
  text[size > 0 ? size : 0] = 0;
  return size > 0;
}

// Is `cpu` in a list such as "0-3,8"?
static bool list_has(const char *list, unsigned long cpu) {
  for (char *end; *list; list = end) {
    const unsigned long first = strtoul(list, &end, 10);
    if (end == list) return false;
    unsigned long last = first;
    if (*end == '-') last = strtoul(end + 1, &end, 10);
    if (cpu >= first && cpu <= last) return true;
    if (*end == ',') ++end;
  }
  return false;
}

static uint32_t core_of(const char *root, uint32_t cpu) {
  char path[PATH_LENGTH], text[256];
  (void)snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
                 root, cpu);
  if (!read_text(path, text, sizeof text)) return cpu;
  return (uint32_t)strtoul(text, NULL, 10); // lists ascend
}

static uint32_t capacity_of(const char *root, uint32_t cpu) {
  char path[PATH_LENGTH], text[1024];
  (void)snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%u/cpu_capacity", root, cpu);
  if (read_text(path, text, sizeof text)) return (uint32_t)strtoul(text, NULL, 10);
  (void)snprintf(path, sizeof path, "%s/sys/devices/cpu_atom/cpus", root);
  return read_text(path, text, sizeof text) && list_has(text, cpu) ? EFFICIENT : FULL_SPEED;
}

#if defined(__linux__)
typedef struct cpu_mask {
  unsigned long words[MAX_CPUS / (8 * sizeof(unsigned long))];
} cpu_mask_t;

static bool mask_has(const cpu_mask_t *mask, uint32_t cpu) {
  const uint32_t width = 8 * sizeof mask->words[0];
  return mask->words[cpu / width] >> cpu % width & 1u;
}

size_t ee_port_cpus(const char *root, ee_port_cpu_t *cpus, size_t capacity) {
  cpu_mask_t mask = {{0}};
  if (sched_getaffinity(0, sizeof mask, (cpu_set_t *)(void *)&mask) != 0) mask.words[0] = 1;
  size_t count = 0;
  for (uint32_t id = 0; id < MAX_CPUS; ++id) {
    if (!mask_has(&mask, id)) continue;
    if (count < capacity) {
      cpus[count] = (ee_port_cpu_t){id, core_of(root, id), capacity_of(root, id)};
    }
    ++count;
  }
  return count;
}
#else
size_t ee_port_cpus(const char *root, ee_port_cpu_t *cpus, size_t capacity) {
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  const size_t count = online > 0 ? (size_t)online : 1;
  for (size_t i = 0; i < count && i < capacity; ++i) {
    const uint32_t id = (uint32_t)i;
    cpus[i] = (ee_port_cpu_t){id, core_of(root, id), capacity_of(root, id)};
  }
  return count;
}
#endif

// ---- Quotas ------------------------------------------------------------------------------------

static uint64_t thousandths(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return 0;
  const uint64_t share = (uint64_t)((double)quota * 1000.0 / (double)period);
  return share ? share : 1;
}

// cpu.max of version 2: "200000 100000", "max 100000".
static uint64_t unified_quota(const char *root, const char *group) {
  char path[PATH_LENGTH], text[64];
  (void)snprintf(path, sizeof path, "%s/sys/fs/cgroup%s/cpu.max", root, group);
  if (!read_text(path, text, sizeof text)) return 0;
  char *end;
  const long long quota = strtoll(text, &end, 10);
  return end == text ? 0 : thousandths(quota, strtoll(end, NULL, 10));
}

static uint64_t classic_quota(const char *root, const char *mount, const char *group) {
  char path[PATH_LENGTH], quota[32], period[32];
  (void)snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s%s/cpu.cfs_quota_us", root, mount, group);
  if (!read_text(path, quota, sizeof quota)) return 0;
  (void)snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s%s/cpu.cfs_period_us", root, mount, group);
  if (!read_text(path, period, sizeof period)) return 0;
  return thousandths(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a && (!b || a < b) ? a : b;
}

// The least quota of a group and all above it; `controllers` "" is version 2. A container sees its
// own group as the root, whatever path it is told, so the root is looked at too.
static uint64_t group_quota(const char *root, const char *controllers, char *group) {
  uint64_t quota = 0;
  for (;;) {
    size_t length = strlen(group);
    while (length && group[length - 1] == '/')
      group[--length] = 0;
    if (*controllers) {
      quota = least(classic_quota(root, controllers, group), quota);
      quota = least(classic_quota(root, "cpu", group), quota);
    } else {
      quota = least(unified_quota(root, group), quota);
      quota = least(unified_quota(root, *group ? "" : "/unified"), quota);
    }
    if (!length) return quota;
    char *slash = strrchr(group, '/');
    *(slash ? slash : group) = 0;
  }
}

static bool has_word(const char *list, const char *word) {
  const size_t size = strlen(word);
  for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL) {
    if (strncmp(at, word, size) == 0 && (at[size] == 0 || at[size] == ',')) return true;
  }
  return false;
}

// Lines of /proc/self/cgroup: "4:cpu,cpuacct:/path", "0::/path".
uint64_t ee_port_cpu_quota(const char *root) {
  char path[PATH_LENGTH], text[4096];
  (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  if (!read_text(path, text, sizeof text)) return 0;
  uint64_t quota = 0;
  for (char *line = text, *next; line && *line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    ++controllers;
    if (*controllers && !has_word(controllers, "cpu")) continue;
    quota = least(group_quota(root, controllers, group), quota);
  }
  return quota;
}
