#!/bin/sh
# Every public header alone, with strict warnings, as C11 and as C++17.
#
#   headers_test.sh CC INCLUDE_DIR
set -eu
cc=$1
include=$2
failed=0
count=0
strict='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsyntax-only'

compile() {
  count=$((count + 1))
  # The header is included twice: its guard must hold.
  # shellcheck disable=SC2086 # a list of flags
  printf "#include \"eerie/%s\"\n#include \"eerie/%s\"\nextern int eerie_test;\n" "$header" "$header" |
    "$@" $strict -I "$include" - || { echo "FAILED: $header with $*"; failed=1; }
}

for path in "$include"/eerie/*.h; do
  header=$(basename "$path")
  compile "$cc" -x c -std=c11 -Wstrict-prototypes
  compile "$cc" -x c -std=c11 -Wstrict-prototypes -ffreestanding -DEERIE_THREADS=0
  for other in clang g++ clang++; do
    command -v "$other" >/dev/null 2>&1 || { echo "skipped: no $other"; continue; }
    case $other in
      *++) compile "$other" -x c++ -std=c++17 ;;
      *) compile "$other" -x c -std=c11 -Wstrict-prototypes ;;
    esac
  done
done
echo "$count compilations, $failed failed"
[ "$count" -gt 0 ] && exit "$failed"
