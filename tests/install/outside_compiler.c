// outside_compiler.c: a program built against an installed libeerie_compiler. It asks only for what
// needs no libIREECompiler, so that the test of the installation needs none.
#include <eerie/eerie_compiler.h>
#include <stdio.h>

int main(void) {
  eerie_compiler_target_info_t target;
  size_t count = 0;
  while (eerie_compiler_target_at(count, &target))
    ++count;
  printf("%zu targets, %s, %s\n", count, eerie_compiler_severity_name(EERIE_COMPILER_ERROR),
         eerie_status_name(EERIE_UNAVAILABLE));
  return count > 0 ? 0 : 1;
}
