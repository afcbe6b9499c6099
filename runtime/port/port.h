// port.h: all that Eerie needs of an operating system. One implementation a folder (posix/, bare/);
// the build picks the folder, so shared code has no #ifdef for systems.
//
// What a system has not, its implementation answers with EERIE_UNIMPLEMENTED.
#ifndef EE_PORT_PORT_H_
#define EE_PORT_PORT_H_

#include "base/bytes.h"
#include "base/status.h"

// malloc and kin; `reallocate` NULL where there is none.
eerie_allocator_t ee_port_allocator(void);

// Monotonic clock, nanoseconds.
int64_t ee_port_time_ns(void);

// ---- Files, mapped -----------------------------------------------------------------------------

// Maps a whole file. NOT_FOUND, PERMISSION_DENIED, and so on, with the path and the system's
// reason. A file of size 0 gives empty bytes and OK. Who writes to the bytes all the same, as
// kernels may, changes this mapping and not the file.
eerie_status_t ee_port_file_map(const char *path, ee_bytes_t *out_bytes, eerie_error_t *err);
// The same for reading and writing: what is written into the mapping is written to the file.
eerie_status_t ee_port_file_map_shared(const char *path, ee_bytes_t *out_bytes, eerie_error_t *err);
void ee_port_file_unmap(ee_bytes_t bytes);
// Tells that `bytes`, which lie in a mapping and were not written, will not be looked at soon: the
// memory of whole pages among them may be taken back. Their contents stay. A hint.
void ee_port_file_evict(ee_bytes_t bytes);
// The same where some of them may have been written: those pages stay. Does nothing where the
// system does not tell which.
void ee_port_file_evict_unwritten(ee_bytes_t bytes);

// Hosts only: files that the library keeps for itself.

// Where they belong, "/home/me/.cache/eerie"; false: nowhere. Need not be there yet.
bool ee_port_cache_folder(char *out_path, size_t capacity);
// Writes a file whole, and the folders above it: whoever opens `path` finds the old file or the new
// one, also when the process ends in the middle. It is written beside its place, as PATH.new, which
// a process that was killed leaves there and the next one writes anew. UNAVAILABLE: the system's
// reason, or another process is writing the file.
eerie_status_t ee_port_file_replace(const char *path, ee_bytes_t bytes, eerie_error_t *err);

// ---- Memory for code ---------------------------------------------------------------------------

size_t ee_port_page_size(void);
// Reserves `size` bytes (a multiple of the page size), readable and writable, zeroed.
eerie_status_t ee_port_code_allocate(size_t size, uint8_t **out_pages, eerie_error_t *err);
typedef enum ee_port_protection {
  EE_PORT_READ,
  EE_PORT_READ_WRITE,
  EE_PORT_READ_EXECUTE, // also makes what was written visible to instruction fetch
} ee_port_protection_t;
eerie_status_t ee_port_code_protect(uint8_t *pages, size_t size, ee_port_protection_t protection,
                                    eerie_error_t *err);
void ee_port_code_free(uint8_t *pages, size_t size);

// ---- Shared libraries of the system -------------------------------------------------------------

// What the system's libraries are: "elf", "dll" or "dylib".
const char *ee_port_library_kind(void);
typedef struct ee_port_library {
  void *handle;
  intptr_t file; // that the library is read from; -1: none that is open
} ee_port_library_t;
// NOT_FOUND: no such file, or not a library, in the system's words.
eerie_status_t ee_port_library_open(const char *path, ee_port_library_t *out_library,
                                    eerie_error_t *err);
// The same for a library in memory; `image` is not needed any longer. DATA_LOSS: not a library.
eerie_status_t ee_port_library_load(ee_bytes_t image, ee_port_library_t *out_library,
                                    eerie_error_t *err);
// The address of an export, or NULL.
void *ee_port_library_find(const ee_port_library_t *library, const char *symbol);
void ee_port_library_close(ee_port_library_t *library);

// ---- Threads -----------------------------------------------------------------------------------

// A lock with a condition. Storage is the caller's; initialise before use, destroy after.
typedef struct ee_port_monitor {
  uint64_t storage[16];
} ee_port_monitor_t;
void ee_port_monitor_initialize(ee_port_monitor_t *monitor);
void ee_port_monitor_destroy(ee_port_monitor_t *monitor);
void ee_port_monitor_lock(ee_port_monitor_t *monitor);
void ee_port_monitor_unlock(ee_port_monitor_t *monitor);
// Waits for a notification with the lock held; false when the deadline (monotonic; INT64_MAX: none)
// passed. May wake for no reason. Without threads it returns false at once: nobody could notify.
bool ee_port_monitor_wait(ee_port_monitor_t *monitor, int64_t deadline_ns);
void ee_port_monitor_notify_all(ee_port_monitor_t *monitor);

// The rest is only for what a host adds to the core; systems without threads have none of it.
typedef struct ee_port_thread {
  uint64_t storage[8];
} ee_port_thread_t;
// `name` shows in debuggers, cut to what the system takes. The thread takes no signals.
// `out_thread` must stay in its place until the thread is joined. RESOURCE_EXHAUSTED: the system
// makes no more.
eerie_status_t ee_port_thread_start(void (*function)(void *), void *argument, const char *name,
                                    ee_port_thread_t *out_thread, eerie_error_t *err);
void ee_port_thread_join(ee_port_thread_t *thread);
// Instead of joining it; what it was started with must stay until it ends.
void ee_port_thread_detach(ee_port_thread_t *thread);
// Whether it is the calling thread.
bool ee_port_thread_is_self(const ee_port_thread_t *thread);
// Keeps the calling thread on one CPU; false when the system does not let it.
bool ee_port_thread_pin(uint32_t cpu);
// Tells a process from its copy after a fork, which has none of its threads.
uint64_t ee_port_process_id(void);
#if EERIE_THREADS
// Threads are numbered from 1 on in the order in which they ask; the number of one that has ended
// does not come again.
uint32_t ee_port_thread_number(void);
// Lets others run for about that long, whatever their priority.
void ee_port_pause(int64_t ns);
// Sleeps while *word is `expected`, until it is woken. May wake for no reason.
void ee_port_word_wait(_Atomic uint32_t *word, uint32_t expected);
void ee_port_word_wake(_Atomic uint32_t *word, uint32_t count);
#endif
// A moment's rest in a loop that spins.
void ee_port_relax(void);

// ---- Processor ---------------------------------------------------------------------------------

// The eight words of CPU features that kernels of embedded executables ask for.
// Source: iree_hal_processor_v0_t in executable_library.h, layout in schemas/cpu_data.h.
void ee_port_cpu_data(uint64_t out_data[8]);

// Numbers too small for a normal representation count as zero on this thread from here on, which
// keeps kernels off the slow paths of many CPUs. Gives what ee_port_float_restore takes; where the
// CPU has no such mode nothing happens.
uint64_t ee_port_float_flush(void);
void ee_port_float_restore(uint64_t mode);
// Hosts only: the mode of this thread, and the same for another, so that kernels round alike on all
// threads of a call.
uint64_t ee_port_float_mode(void);
void ee_port_float_adopt(uint64_t mode);

// Hosts only: one logical CPU that this process may run on.
typedef struct ee_port_cpu {
  uint32_t id;
  uint32_t core;     // the smallest number among the CPUs that share a core with it
  uint32_t capacity; // speed beside the others', the fastest 1024
} ee_port_cpu_t;
// Lists them by number, up to `capacity`; gives how many there are. `root` is put in front of the
// paths of the system's own files: "" but in tests.
size_t ee_port_cpus(const char *root, ee_port_cpu_t *cpus, size_t capacity);
// CPUs' worth of time that this process is granted, in thousandths, the least of all groups that it
// is in; 0: no limit.
uint64_t ee_port_cpu_quota(const char *root);

#endif // EE_PORT_PORT_H_
