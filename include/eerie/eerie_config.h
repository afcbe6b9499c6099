// eerie_config.h: every limit and switch of Eerie, each with what it costs.
//
// A build overrides any of them on the command line, for example
// `-DEERIE_THREADS=0`. Limits are numbers, switches are 0 or 1. A program must be compiled with
// the same values as the library that it links.
#ifndef EERIE_CONFIG_H_
#define EERIE_CONFIG_H_

// Bytes of an error's text, terminating NUL included. Costs that much stack wherever an
// `eerie_error_t` stands. A longer text is cut, never overrun.
#ifndef EERIE_ERROR_MESSAGE_SIZE
#define EERIE_ERROR_MESSAGE_SIZE 512
#endif

// 1: errors carry a text. 0: only the code; saves about a quarter of the runtime's size.
#ifndef EERIE_MESSAGES
#define EERIE_MESSAGES 1
#endif

// 1: reference counts are atomic and locks lock, so that modules and devices may be shared between
// threads. 0: for systems without threads; locks vanish.
#ifndef EERIE_THREADS
#define EERIE_THREADS 1
#endif

// 1: 32-bit float instructions in module bytecode. Kernels do not need them; only scalar code does.
#ifndef EERIE_VM_F32
#define EERIE_VM_F32 1
#endif

// 1: 64-bit float instructions in module bytecode. Pulls in soft double arithmetic on small cores.
#ifndef EERIE_VM_F64
#define EERIE_VM_F64 1
#endif

// 1: functions in C that modules import are found by name. 0: by a number made of name and
// signature, which saves 2 KB of text; a signature that differs is then a function that is not
// there, and a program brings none of its own.
#ifndef EERIE_NATIVE_NAMES
#define EERIE_NATIVE_NAMES 1
#endif

// 1: eerie_module_disassemble works; about 3 KB.
#ifndef EERIE_DISASSEMBLER
#define EERIE_DISASSEMBLER 1
#endif

// Bytes that the frames of one program may take together. Recursion beyond it is an error.
#ifndef EERIE_VM_STACK_LIMIT
#define EERIE_VM_STACK_LIMIT (1024 * 1024)
#endif

// Frames that may be active at once in one program.
#ifndef EERIE_VM_CALL_DEPTH_LIMIT
#define EERIE_VM_CALL_DEPTH_LIMIT 1024
#endif

// Bytes that the globals of one module may take, references included: a file may declare any
// number. Compilers make a few for each constant and kernel.
#ifndef EERIE_VM_GLOBAL_BYTES_LIMIT
#define EERIE_VM_GLOBAL_BYTES_LIMIT (16 * 1024 * 1024)
#endif

// Dimensions that a tensor may have at most.
#ifndef EERIE_TENSOR_RANK_LIMIT
#define EERIE_TENSOR_RANK_LIMIT 32
#endif

// Bytes that tensor storage is aligned to: a cache line, and the widest vector load of the CPUs
// that the compiler emits code for.
#ifndef EERIE_BUFFER_ALIGNMENT
#define EERIE_BUFFER_ALIGNMENT 64
#endif

// Bytes of freed device memory that may wait for reuse beyond what was once in use at the same
// time; as many again for each thread.
#ifndef EERIE_POOL_SLACK
#define EERIE_POOL_SLACK (64 * 1024)
#endif

// 1: calls, dispatches and memory can be observed (eerie_profile.h): a branch at each, and about
// 2 KB. 0: nothing of it.
#ifndef EERIE_PROFILE
#define EERIE_PROFILE EERIE_THREADS
#endif

// 1: devices that go on with their work after a call has handed it over, and that keep memory where
// the host sees none: GPUs. About 2 KB, and a branch at each submission. 0: devices run what they
// are given before the call returns.
#ifndef EERIE_ASYNC_DEVICES
#define EERIE_ASYNC_DEVICES EERIE_THREADS
#endif

// 1: while a program is made, pages of mapped constants that were read are given back every few
// megabytes (docs/memory.md): about 1 KB. 0: only when it is made.
#ifndef EERIE_EVICT
#define EERIE_EVICT EERIE_THREADS
#endif

#endif // EERIE_CONFIG_H_
