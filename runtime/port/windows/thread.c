// thread.c: the clock, locks with a condition, threads, words to sleep on.
#include "port/windows/system.h"

#include <process.h>
#include <stdatomic.h>

int64_t ee_port_time_ns(void) {
  LARGE_INTEGER frequency, count;
  (void)QueryPerformanceFrequency(&frequency);
  (void)QueryPerformanceCounter(&count);
  const int64_t whole = count.QuadPart / frequency.QuadPart;
  const int64_t rest = count.QuadPart % frequency.QuadPart;
  return whole * 1000000000 + rest * 1000000000 / frequency.QuadPart;
}

#if EERIE_THREADS

static _Atomic uint32_t numbered_threads;
static _Thread_local uint32_t own_number;

uint32_t ee_port_thread_number(void) {
  if (EE_UNLIKELY(!own_number)) {
    own_number = atomic_fetch_add_explicit(&numbered_threads, 1u, memory_order_relaxed) + 1;
  }
  return own_number;
}

void ee_port_pause(int64_t ns) {
  Sleep(ns <= 1000000 ? 1 : (DWORD)(ns / 1000000));
}

typedef struct windows_monitor {
  SRWLOCK lock;
  CONDITION_VARIABLE condition;
} windows_monitor_t;
_Static_assert(sizeof(windows_monitor_t) <= sizeof(ee_port_monitor_t), "a monitor needs more room");

static windows_monitor_t *of(ee_port_monitor_t *monitor) {
  return (windows_monitor_t *)monitor;
}

void ee_port_monitor_initialize(ee_port_monitor_t *monitor) {
  InitializeSRWLock(&of(monitor)->lock);
  InitializeConditionVariable(&of(monitor)->condition);
}

void ee_port_monitor_destroy(ee_port_monitor_t *monitor) {
  (void)monitor; // neither holds anything
}

void ee_port_monitor_lock(ee_port_monitor_t *monitor) {
  AcquireSRWLockExclusive(&of(monitor)->lock);
}

void ee_port_monitor_unlock(ee_port_monitor_t *monitor) {
  ReleaseSRWLockExclusive(&of(monitor)->lock);
}

bool ee_port_monitor_wait(ee_port_monitor_t *monitor, int64_t deadline_ns) {
  DWORD milliseconds = INFINITE;
  if (deadline_ns != INT64_MAX) {
    const int64_t now = ee_port_time_ns();
    if (deadline_ns <= now) return false;
    const int64_t rest = (deadline_ns - now - 1) / 1000000 + 1;
    // Who waits for weeks wakes in between, as anybody may.
    milliseconds = rest < INT32_MAX ? (DWORD)rest : INT32_MAX;
  }
  return SleepConditionVariableSRW(&of(monitor)->condition, &of(monitor)->lock, milliseconds, 0) ||
         deadline_ns == INT64_MAX || milliseconds == INT32_MAX;
}

void ee_port_monitor_notify_all(ee_port_monitor_t *monitor) {
  WakeAllConditionVariable(&of(monitor)->condition);
}

// ---- Threads -----------------------------------------------------------------------------------

// All of it is memory from the start: kernels were compiled for systems whose stacks grow wherever
// they are touched, and do not touch each page in turn as code for Windows does.
#define STACK_SIZE (2u * 1024 * 1024)

typedef struct windows_thread {
  HANDLE handle;
  void (*function)(void *);
  void *argument;
} windows_thread_t;
_Static_assert(sizeof(windows_thread_t) <= sizeof(ee_port_thread_t), "a thread needs more room");

static unsigned __stdcall thread_main(void *argument) {
  const windows_thread_t *thread = argument;
  thread->function(thread->argument);
  return 0;
}

// Since Windows 10 of 2016 only, so it is looked for.
static void set_name(HANDLE thread, const char *name) {
  typedef HRESULT(WINAPI * set_description_t)(HANDLE, const wchar_t *);
  const HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
  const FARPROC found = kernel ? GetProcAddress(kernel, "SetThreadDescription") : NULL;
  wchar_t wide[64];
  if (!found || MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, 64) <= 0) return;
  (void)((set_description_t)(uintptr_t)found)(thread, wide);
}

eerie_status_t ee_port_thread_start(void (*function)(void *), void *argument, const char *name,
                                    ee_port_thread_t *out_thread, eerie_error_t *err) {
  windows_thread_t *thread = (windows_thread_t *)out_thread;
  *thread = (windows_thread_t){.function = function, .argument = argument};
  const uintptr_t handle =
      _beginthreadex(NULL, STACK_SIZE, thread_main, thread, CREATE_SUSPENDED, NULL);
  if (handle == 0) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "the system starts no thread (error %u)",
                   (unsigned)GetLastError());
  }
  thread->handle = (HANDLE)handle;
  set_name(thread->handle, name);
  (void)ResumeThread(thread->handle);
  return EERIE_OK;
}

void ee_port_thread_join(ee_port_thread_t *thread) {
  const HANDLE handle = ((windows_thread_t *)thread)->handle;
  (void)WaitForSingleObject(handle, INFINITE);
  (void)CloseHandle(handle);
}

void ee_port_thread_detach(ee_port_thread_t *thread) {
  (void)CloseHandle(((windows_thread_t *)thread)->handle);
}

bool ee_port_thread_is_self(const ee_port_thread_t *thread) {
  return GetThreadId(((const windows_thread_t *)thread)->handle) == GetCurrentThreadId();
}

bool ee_port_thread_pin(uint32_t cpu) {
  if (cpu >= sizeof(DWORD_PTR) * 8) return false;
  return SetThreadAffinityMask(GetCurrentThread(), (DWORD_PTR)1 << cpu) != 0;
}

uint64_t ee_port_process_id(void) {
  return GetCurrentProcessId();
}

void ee_port_word_wait(_Atomic uint32_t *word, uint32_t expected) {
  (void)WaitOnAddress((volatile void *)word, &expected, sizeof expected, INFINITE);
}

void ee_port_word_wake(_Atomic uint32_t *word, uint32_t count) {
  if (count == 1) {
    WakeByAddressSingle((void *)word);
  } else {
    WakeByAddressAll((void *)word);
  }
}

void ee_port_relax(void) {
  YieldProcessor();
}

#else
#include "port/no_threads.h"
#endif
