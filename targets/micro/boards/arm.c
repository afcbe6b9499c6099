/* arm.c: a Cortex-M from reset to board_main.
 * Addresses: Armv7-M and Armv8-M Architecture Reference Manuals (SysTick, CPACR, CCR). */
#include "board.h"

extern uint32_t board_stack_top[], board_bss[], board_bss_end[];
extern uint32_t board_data[], board_data_end[], board_data_load[];

#define REGISTER(address) (*(volatile uint32_t *)(address))

enum { SYS_WRITE0 = 4, SYS_EXIT_EXTENDED = 0x20 };

static uintptr_t semihosting(uintptr_t operation, const void *argument) {
  register uintptr_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
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

/* SysTick counts down, 24 bits, at the core's clock. */
uint32_t board_ticks(void) {
  return 0xFFFFFFu - REGISTER(0xE000E018);
}

static void fault(void) {
  board_write("fault\n");
  board_exit(99);
}

void board_reset(void);
void board_reset(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  REGISTER(0xE000ED88) |= 0xFu << 20; /* full access to FPU and vector unit */
  __asm__ volatile("dsb\nisb");
#endif
  for (uint32_t *to = board_data, *from = board_data_load; to < board_data_end;)
    *to++ = *from++;
  for (uint32_t *to = board_bss; to < board_bss_end;)
    *to++ = 0;
  REGISTER(0xE000E014) = 0xFFFFFF;
  REGISTER(0xE000E018) = 0;
  REGISTER(0xE000E010) = 5; /* on, the core's clock, no interrupt */
  board_stack_paint();
  board_exit(board_main());
}

__attribute__((section(".board_start"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))board_stack_top, board_reset, fault, fault, fault, fault, fault,
};
