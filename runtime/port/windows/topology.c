// topology.c: the CPUs that this process may use, and how much of them.
//
// A process sees the CPUs of its group, 64 at most. Sources: Microsoft's pages on
// GetLogicalProcessorInformationEx, PROCESSOR_RELATIONSHIP (EfficiencyClass: the higher, the
// faster) and JOBOBJECT_CPU_RATE_CONTROL_INFORMATION.
#include "port/windows/system.h"

#define FULL_SPEED 1024u
#define EFFICIENT  512u // the system does not say how much slower small cores are

typedef struct core {
  uint64_t mask;
  unsigned speed;
} core_t;
enum { MAX_CORES = 64 };

// The cores of this process's group; what is not told are cores of one CPU each.
static size_t read_cores(core_t cores[MAX_CORES]) {
  static const size_t capacity = 16 * 1024;
  uint8_t buffer[16 * 1024];
  DWORD size = (DWORD)capacity;
  if (!GetLogicalProcessorInformationEx(
          RelationProcessorCore, (SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *)(void *)buffer, &size))
    return 0;
  size_t count = 0;
  for (DWORD at = 0; at < size && count < MAX_CORES;) {
    const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *entry =
        (const SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *)(const void *)(buffer + at);
    if (entry->Size == 0) break;
    const PROCESSOR_RELATIONSHIP *core = &entry->Processor;
    // EfficiencyClass stands right behind Flags, also where a header does not name it.
    if (core->GroupMask[0].Group == 0)
      cores[count++] = (core_t){core->GroupMask[0].Mask, (&core->Flags)[1]};
    at += entry->Size;
  }
  return count;
}

static ee_port_cpu_t describe(uint32_t id, const core_t *cores, size_t count) {
  unsigned fastest = 0;
  for (size_t i = 0; i < count; ++i)
    if (cores[i].speed > fastest) fastest = cores[i].speed;
  ee_port_cpu_t cpu = {id, id, FULL_SPEED};
  for (size_t i = 0; i < count; ++i) {
    if (!(cores[i].mask >> id & 1u)) continue;
    cpu.core = (uint32_t)__builtin_ctzll(cores[i].mask);
    cpu.capacity = cores[i].speed < fastest ? EFFICIENT : FULL_SPEED;
  }
  return cpu;
}

static uint64_t own_cpus(void) {
  DWORD_PTR process = 0, machine = 0;
  if (!GetProcessAffinityMask(GetCurrentProcess(), &process, &machine) || !process) return 1;
  return process;
}

size_t ee_port_cpus(const char *root, ee_port_cpu_t *cpus, size_t capacity) {
  (void)root;
  core_t cores[MAX_CORES];
  const size_t core_count = read_cores(cores);
  const uint64_t mask = own_cpus();
  size_t count = 0;
  for (uint32_t id = 0; id < 64; ++id) {
    if (!(mask >> id & 1u)) continue;
    if (count < capacity) cpus[count] = describe(id, cores, core_count);
    ++count;
  }
  return count;
}

// The job's hard limit, in hundredths of a percent of the whole machine.
uint64_t ee_port_cpu_quota(const char *root) {
  (void)root;
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate = {0};
  const DWORD hard = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP;
  if (!QueryInformationJobObject(NULL, JobObjectCpuRateControlInformation, &rate, sizeof rate,
                                 NULL) ||
      (rate.ControlFlags & hard) != hard)
    return 0;
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  const uint64_t share = (uint64_t)rate.CpuRate * info.dwNumberOfProcessors / 10;
  return share ? share : 1;
}
