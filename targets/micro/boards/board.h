/* board.h: what a program here asks of a board, and how it comes to life.
 *
 * Start-up code, linker scripts and this make whole programs that run in QEMU; they need no C
 * library. arm.c is for Cortex-M, riscv.c for RISC-V; link.ld for both, with the places of memory
 * given on the linker's command line (tools/boards.py has them). Output and exit go through
 * semihosting, which a debug probe understands as well.
 */
#ifndef EERIE_BOARD_H_
#define EERIE_BOARD_H_

#include <stddef.h>
#include <stdint.h>

/* The program; its result is the exit code. */
int board_main(void);

void board_write(const char *text);
_Noreturn void board_exit(int code);

/* Instructions since start, in a unit and with an offset that the board knows: only differences
 * count, and only in QEMU with -icount. */
uint32_t board_ticks(void);
/* The bits of a difference that count; SysTick has 24. */
#ifdef __arm__
#define BOARD_TICKS 0xFFFFFFu
#else
#define BOARD_TICKS 0xFFFFFFFFu
#endif

/* The stack is painted before board_main: bytes of it that were ever used since then. */
size_t board_stack_used(void);
/* Paints again what is free below the caller. */
void board_stack_paint(void);

/* Text for numbers. */
void board_write_hex(uint32_t value);
void board_write_number(uint32_t value);

#endif /* EERIE_BOARD_H_ */
