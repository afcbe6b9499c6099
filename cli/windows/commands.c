// commands.c: what the command for Windows does not do: whatever drives another program, or itself,
// in a process of its own.
#include "cli/bench.h"
#include "cli/cli.h"

static int not_here(void) {
  return ee_cli_fail(
      EE_CLI_MISSING,
      "the command for Windows does not do this; on Linux and macOS it does, and what "
      "comes of it is good here");
}

#define NOT_HERE(name)                                                                             \
  int name(int argc, char **argv) {                                                                \
    (void)argc, (void)argv;                                                                        \
    return not_here();                                                                             \
  }
NOT_HERE(eerie_cli_cache)
NOT_HERE(eerie_cli_doctor)
NOT_HERE(eerie_cli_embed)
NOT_HERE(eerie_cli_import)
NOT_HERE(eerie_cli_tune)

// ---- Programs to compare with ------------------------------------------------------------------

int ee_cli_peer_open(ee_cli_contender_t *contender, const ee_cli_contender_t *like,
                     uint64_t warmup) {
  (void)contender, (void)like, (void)warmup;
  return ee_cli_fail(EE_CLI_MISSING, "eerie bench times no other programs on Windows");
}

int ee_cli_peer_measure(ee_cli_contender_t *contender, double seconds, uint64_t calls) {
  (void)contender, (void)seconds, (void)calls;
  return EE_CLI_FAILED;
}

void ee_cli_peer_close(ee_cli_peer_t *peer) {
  (void)peer;
}
