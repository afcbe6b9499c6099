#!/bin/sh
# Installs a build into an empty folder and builds programs outside the tree against it: with the
# shared library through pkg-config, with the .a, and with the CMake package. Then once more below
# DESTDIR, as a packager does.
#
#   install_test.sh BUILD_DIR
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

cmake --install "$build" --prefix "$prefix" >"$work/install.log"
libdir=$(dirname "$(find "$prefix" -name libeerie.a)")
export PKG_CONFIG_PATH="$libdir/pkgconfig"
root=$(cd "$here/../.." && pwd)
cp -r "$here/model" "$work"
cp "$here"/*.c "$here/CMakeLists.txt" "$work"
cd "$work"

echo "-- command"
"$prefix/bin/eerie" --version

version=$(pkg-config --modversion eerie)
echo "-- pkg-config, shared: $version"
# shellcheck disable=SC2046 # flags are words
cc -std=c11 -Wall -Wextra -Werror outside.c $(pkg-config --cflags --libs eerie) -o shared
readelf -d shared | grep -q 'NEEDED.*libeerie\.so\.' || { echo "no soname in shared"; exit 1; }
LD_LIBRARY_PATH=$libdir ./shared

echo "-- pkg-config, static"
# shellcheck disable=SC2046
cc -std=c11 outside.c $(pkg-config --cflags eerie) "$libdir/libeerie.a" \
  $(pkg-config --static --libs-only-other eerie) -pthread -ldl -lm -o static
if readelf -d static | grep -q 'NEEDED.*libeerie'; then
  echo "the static program needs libeerie.so"
  exit 1
fi
./static

echo "-- pkg-config, compiler"
# shellcheck disable=SC2046
cc -std=c11 outside_compiler.c $(pkg-config --cflags --libs eerie_compiler) -o compiler
LD_LIBRARY_PATH=$libdir ./compiler

echo "-- CMake package"
cmake -G Ninja -S . -B cmake-build -DCMAKE_PREFIX_PATH="$prefix" >cmake.log || { cat cmake.log; exit 1; }
cmake --build cmake-build
for program in cmake-build/outside_*; do
  [ -x "$program" ] && [ -f "$program" ] && "$program"
done

echo "-- models as sources"
if [ -x "${EERIE_IREE_BIN:-$root/.venv/bin}/iree-compile" ]; then
  EERIE_COMPILER_LIB=${EERIE_COMPILER_LIB:-$(dirname "${EERIE_IREE_BIN:-$root/.venv/bin}")}
  export EERIE_COMPILER_LIB
  cmake -G Ninja -S model -B model-build -DCMAKE_PREFIX_PATH="$prefix" >model.log ||
    { cat model.log; exit 1; }
  cmake --build model-build
  model-build/embedded
  model-build/beside
  # Nothing is made anew unless something changed; then all of it is.
  cmake --build model-build | grep -q 'no work to do' || { echo "built twice"; exit 1; }
  sed -i 's/arith.mulf/arith.addf/' model/multiply.mlir
  cmake --build model-build >/dev/null
  if model-build/embedded; then echo "the changed model was not built in"; exit 1; fi
else
  echo "skipped: no iree-compile"
fi

echo "-- exported symbols are eerie_ alone"
for library in "$libdir"/libeerie*.so; do
  if nm -D --defined-only "$library" | awk '{print $3}' | grep -v '^eerie_'; then
    echo "$library exports more than the interface"
    exit 1
  fi
done

echo "-- DESTDIR"
DESTDIR=$work/stage cmake --install "$build" --prefix /usr >"$work/stage.log"
test -f "$work/stage/usr/include/eerie/eerie.h"
grep -qx 'prefix=/usr' "$(find "$work/stage" -name eerie.pc)"
echo "installation works"
