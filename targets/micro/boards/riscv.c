/* riscv.c: a RISC-V hart from reset to board_main, in machine mode.
 * Sources: "RISC-V Semihosting"; the privileged architecture (mstatus.FS, mtvec, minstret). */
#include "board.h"

extern uint32_t board_stack_top[], board_bss[], board_bss_end[];
extern uint32_t board_data[], board_data_end[], board_data_load[];

enum { SYS_WRITE0 = 4, SYS_EXIT_EXTENDED = 0x20 };

/* The three instructions are the signal, uncompressed and in one page. */
__attribute__((noinline, aligned(16))) static uintptr_t semihosting(uintptr_t operation,
                                                                    const void *argument) {
  register uintptr_t a0 __asm__("a0") = operation;
  register const void *a1 __asm__("a1") = argument;
  __asm__ volatile(".option push\n.option norvc\n.balign 16\n"
                   "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
  return a0;
}

void board_write(const char *text) {
  semihosting(SYS_WRITE0, text);
}

void board_exit(int code) {
  const uintptr_t block[2] = {0x20026 /* ADP_Stopped_ApplicationExit */, (uintptr_t)code};
  semihosting(SYS_EXIT_EXTENDED, block);
  for (;;) {
  }
}

uint32_t board_ticks(void) {
  uintptr_t value;
  __asm__ volatile("csrr %0, minstret" : "=r"(value));
  return (uint32_t)value;
}

__attribute__((aligned(4), used)) static void board_fault(void) {
  board_write("fault\n");
  board_exit(99);
}

__attribute__((used)) static void board_start(void) {
  for (uint32_t *to = board_data, *from = board_data_load; to < board_data_end;)
    *to++ = *from++;
  for (uint32_t *to = board_bss; to < board_bss_end;)
    *to++ = 0;
  board_stack_paint();
  board_exit(board_main());
}

__attribute__((naked, section(".board_start"), used)) void board_reset(void);
void board_reset(void) {
  __asm__ volatile("la sp, board_stack_top\n"
#ifdef __riscv_flen
                   "li t0, 0x6000\n" /* FPU on: it is off after reset */
                   "csrs mstatus, t0\n"
                   "csrw fcsr, x0\n"
#endif
                   "la t0, board_fault\n"
                   "csrw mtvec, t0\n"
                   "j board_start\n");
}
