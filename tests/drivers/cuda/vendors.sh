#!/bin/sh
# Fetches what NVIDIA and AMD publish and the tests compare with, into build/vendors: CUDA's header and
# assembler (PyPI), HIP's header (Debian), and the drivers' libraries, which find no device here (Debian;
# NVIDIA's is in its section non-free).
#
#   tests/drivers/cuda/vendors.sh
#
# What cannot be had is said and left out: its tests are skipped.
set -eu
cd "$(dirname "$0")/../../.."
out=$PWD/build/vendors
downloads=$out/downloads
lists=$out/lists
mkdir -p "$out/include" "$out/bin" "$out/lib" "$downloads" "$lists/partial" "$out/parts"

say() { echo "vendors: $*"; }

wheels() {
  [ -x "$out/bin/ptxas" ] && [ -f "$out/include/cuda.h" ] && return
  .venv/bin/python -m pip download -q --no-deps -d "$downloads" -r requirements-vendors.txt || return 1
  for wheel in "$downloads"/nvidia_*.whl; do
    .venv/bin/python -m zipfile -e "$wheel" "$downloads/wheels"
  done
  cp -R "$downloads/wheels/nvidia/cuda_runtime/include/." "$out/include/"
  cp "$downloads/wheels/nvidia/cuda_nvcc/bin/ptxas" "$out/bin/"
  chmod +x "$out/bin/ptxas"
  rm -r "$downloads/wheels"
}

# debian SECTION PACKAGE...: unpacks packages without installing them. Lists of packages of its own leave
# the system's alone.
debian() {
  section=$1
  shift
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
  echo "deb http://deb.debian.org/debian bookworm $section" >"$downloads/debian.list"
  options="-qq -o Dir::Etc::sourcelist=$downloads/debian.list -o Dir::Etc::sourceparts=$out/parts -o Dir::State::Lists=$lists -o APT::Sandbox::User=root"
  # As whoever calls: its own user of the name _apt need not reach this folder.
  # shellcheck disable=SC2086 # a list of words
  apt-get $options update && (cd "$downloads" && apt-get $options download "$@") || return 1
  for package in "$@"; do
    dpkg -x "$downloads/${package}_"*.deb "$downloads/$package"
  done
}

header_of_hip() {
  [ -d "$out/include/hip" ] && return
  debian main libamdhip64-dev || return 1
  cp -R "$downloads/libamdhip64-dev/usr/include/hip" "$out/include/"
}

library_of_cuda() {
  [ -e "$out/lib/libcuda.so.1" ] && return
  debian non-free libcuda1 || return 1
  find "$downloads/libcuda1" -name 'libcuda.so.[0-9]*.*' -exec cp {} "$out/lib/libcuda.so.1" \;
}

library_of_hip() {
  [ -e "$out/lib/libamdhip64.so" ] && return
  debian main libamdhip64-5 libhsa-runtime64-1 libhsakmt1 libamd-comgr2 libnuma1 libdrm-amdgpu1 \
    libdrm2 || return 1
  for package in libhsa-runtime64-1 libhsakmt1 libamd-comgr2 libnuma1 libdrm-amdgpu1 libdrm2; do
    find "$downloads/$package" -name 'lib*.so.*' -exec cp -P {} "$out/lib/" \;
  done
  find "$downloads/libamdhip64-5" -name 'libamdhip64.so.[0-9]*.*' -exec cp {} "$out/lib/libamdhip64.so" \;
}

wheels || say "no CUDA header and assembler from PyPI"
header_of_hip || say "no HIP header from Debian"
library_of_cuda || say "no libcuda from Debian"
library_of_hip || say "no libamdhip64 from Debian"
