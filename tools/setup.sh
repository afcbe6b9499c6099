#!/bin/sh
# Installs what Eerie's build, tests and demo need and nothing that is already there.
#
#   tools/setup.sh [build] [test] [demo] [frameworks] [platforms]     (build when none is named)
#
# System packages come from apt on Debian (12 or newer) and Ubuntu (24.04 or newer); on other systems
# the missing commands are named. Python packages go to .venv, pinned by requirements*.txt. When all
# is there, the check reads the package database and a few stamps and is done in a moment.
#
# PYTHON names the interpreter to make .venv with (default python3); EERIE_VENV the folder.
set -eu
cd "$(dirname "$0")/.."
venv=${EERIE_VENV:-.venv}
python=${PYTHON:-python3}
[ $# -gt 0 ] || set -- build

packages='gcc libc6-dev make cmake ninja-build pkg-config libvulkan-dev'
commands='cc make cmake ninja pkg-config'
requirements='requirements.txt'
for group in "$@"; do
  case $group in
    build) ;;
    test)
      packages="$packages g++ binutils git ccache clang clang-tidy valgrind gcc-arm-none-eabi"
      packages="$packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
      packages="$packages libopenblas-dev python3-dev"
      packages="$packages mesa-vulkan-drivers vulkan-validationlayers"
      packages="$packages gcc-riscv64-unknown-elf qemu-system-arm qemu-system-misc"
      commands="$commands c++ clang clang-tidy arm-none-eabi-gcc"
      requirements="$requirements requirements-test.txt"
      ;;
    demo)
      requirements="$requirements requirements-demo.txt" ;;
    platforms)
      packages="$packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf"
      packages="$packages libc6-dev-armhf-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"
      packages="$packages qemu-user-static gcc-mingw-w64-x86-64 wine wine64 clang"
      packages="$packages xvfb mesa-vulkan-drivers"
      requirements="$requirements requirements-demo.txt"
      ;;
    frameworks)
      requirements="$requirements requirements-demo.txt requirements-frameworks.txt" ;;
    *)
      echo "setup: no such group '$group': expected build, test, demo, frameworks or platforms" >&2
      exit 2
      ;;
  esac
done

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }

# Installs the packages named, as root or through sudo; without either, says what to type.
apt_install() {
  as_root=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 ||
      die "these packages are missing; as root, run: apt-get update && apt-get install -y $*"
    as_root=sudo
  fi
  say "installing system packages: $*"
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Prints those of the packages named that are not installed.
missing_packages() {
  installed=" $(dpkg-query -W -f='${db:Status-Abbrev}${binary:Package}\n' "$@" 2>/dev/null |
    sed -n 's/^ii *//p' | sed 's/:.*//' | tr '\n' ' ') "
  for package in "$@"; do
    case $installed in
      *" $package "*) ;;
      *) printf '%s ' "$package" ;;
    esac
  done
}

if command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
  # shellcheck disable=SC2086 # lists of words
  missing=$(missing_packages $packages)
  # shellcheck disable=SC2086
  [ -z "$missing" ] || apt_install $missing
  case " $* " in
    *" test "*)
      # The sanitizer and fuzzer runtimes of clang are packaged apart and named by its version.
      runtime=libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev
      if [ -n "$(missing_packages "$runtime")" ] && apt-cache show "$runtime" >/dev/null 2>&1; then
        apt_install "$runtime"
      fi
      ;;
  esac
else
  for command in $commands; do
    command -v "$command" >/dev/null 2>&1 || die "the command '$command' is missing; please install it"
  done
fi

# pip is the last thing that venv makes: where it is, .venv is whole.
# A working python3 with venv and pip, of 3.11 or newer: the pinned wheels ask for it.
can_make_venv='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
if [ ! -x "$venv/bin/pip" ]; then
  if ! "$python" -c "$can_make_venv" >/dev/null 2>&1; then
    command -v apt-get >/dev/null 2>&1 || die "'$python' with the venv module is needed (3.11 or newer)"
    apt_install python3 python3-venv
    "$python" -c "$can_make_venv" >/dev/null 2>&1 || python=/usr/bin/python3
    "$python" -c "$can_make_venv" || die "'$python' is older than 3.11; set PYTHON to a newer one"
  fi
  say "making $venv with $("$python" --version)"
  "$python" -m venv "$venv"
fi

# Zig brings its own C libraries, 0.2 GB, and stays apart.
case " $* " in
  *" platforms "*)
    if [ ! -x .venv-zig/bin/pip ]; then "$python" -m venv .venv-zig; fi
    if [ ! -f .venv-zig/.installed ] || ! cmp -s requirements-platforms.txt .venv-zig/.installed; then
      say "installing into .venv-zig: $(grep -v '^#' requirements-platforms.txt)"
      .venv-zig/bin/python -m pip install --quiet --disable-pip-version-check \
        -r requirements-platforms.txt
      cp requirements-platforms.txt .venv-zig/.installed
    fi
    # The compiler for Windows, of the same release: files only, for nothing runs them but Wine.
    compiler=$(sed -n 's/^iree-base-compiler\(\[.*\]\)*==/iree-base-compiler==/p' requirements.txt)
    if [ "$(cat .venv-windows/.installed 2>/dev/null)" != "$compiler" ]; then
      say "unpacking into .venv-windows: $compiler for Windows"
      rm -rf .venv-windows
      "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
        --only-binary=:all: --platform win_amd64 --python-version 3.12 \
        --target .venv-windows/Lib/site-packages "$compiler"
      echo "$compiler" >.venv-windows/.installed
    fi
    ;;
esac

# A stamp holds the checksum of the list that was installed.
for list in $requirements; do
  stamp=$venv/.installed-$list
  sum=$(sha256sum <"$list")
  if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$sum" ]; then
    say "installing into $venv: $(grep -v '^#' "$list" | tr '\n' ' ')"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$list"
    echo "$sum" >"$stamp"
  fi
done
