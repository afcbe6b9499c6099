# Lists of files for builds without a system, written into the build folder:
#
#   core-sources.txt         the core; a program brings its own kernels' loader
#   core-static-sources.txt  the core with kernels that are linked in
#   interpreter/             the smallest that runs modules with such kernels, and how it is compiled:
#                            for make (eerie_interpreter.mk) and for CMake (CMakeLists.txt)

list(JOIN EERIE_CORE_SOURCES "\n" core_sources)
list(JOIN EERIE_PORT_BARE_SOURCES "\n" bare_sources)
file(WRITE ${PROJECT_BINARY_DIR}/core-sources.txt "${core_sources}\n${bare_sources}\n")
list(JOIN EERIE_CPU_STATIC_SOURCES "\n" static_sources)
string(REPLACE "runtime/drivers/cpu/loaders_bare.c" "${static_sources}" bare_sources "${bare_sources}")
file(WRITE ${PROJECT_BINARY_DIR}/core-static-sources.txt "${core_sources}\n${bare_sources}\n")

# ---- The interpreter in its smallest form --------------------------------------------------------

# Modules are trusted, types have no texts for people, nothing waits.
set(micro_sources "${core_sources}\n${bare_sources}")
string(REPLACE "runtime/drivers/cpu/imports.c" "runtime/drivers/cpu/imports_bare.c" micro_sources
  "${micro_sources}")
string(REPLACE "loaders_static.c" "loaders_library.c" micro_sources "${micro_sources}")
foreach(name api/signature bridge/hal_functions hal/fence module/verifier)
  string(REPLACE "runtime/${name}.c" "runtime/${name}_bare.c" micro_sources "${micro_sources}")
endforeach()
string(REPLACE "\n" ";" micro_sources "${micro_sources}")
list(TRANSFORM micro_sources PREPEND "${PROJECT_SOURCE_DIR}/")

# Whoever includes Eerie's headers needs these too.
set(micro_defines EERIE_ERROR_MESSAGE_SIZE=16 EERIE_MESSAGES=0 EERIE_NATIVE_NAMES=0 EERIE_THREADS=0
  EERIE_VM_F32=0 EERIE_VM_F64=0)
# With link-time optimisation gcc sees all of the core at once; what it is told not to do beside would
# make this code larger. docs/size.md has what each is worth.
set(micro_optimise -Os -flto -flto-partition=one -fipa-pta -fira-algorithm=priority
  -fno-partial-inlining -fno-schedule-insns2 -fno-tree-dominator-opts -fno-tree-tail-merge)
set(micro_flags -std=c11 -ffreestanding -ffunction-sections -fdata-sections -fno-common
  -fno-unwind-tables -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns
  -ffp-contract=off -DNDEBUG -Wno-unused -Wno-unused-parameter ${micro_optimise})

list(JOIN micro_sources " \\\n  " EERIE_INTERPRETER_SOURCES)
list(TRANSFORM micro_defines PREPEND "-D" OUTPUT_VARIABLE defines)
list(JOIN defines " " EERIE_INTERPRETER_DEFINES)
list(JOIN micro_flags " " EERIE_INTERPRETER_CFLAGS)
list(JOIN micro_optimise " " EERIE_INTERPRETER_LDFLAGS)
configure_file(targets/micro/interpreter.mk.in
  ${PROJECT_BINARY_DIR}/interpreter/eerie_interpreter.mk @ONLY)
list(JOIN micro_sources "\n  " EERIE_INTERPRETER_SOURCES)
list(JOIN micro_defines " " EERIE_INTERPRETER_DEFINES)
configure_file(targets/micro/interpreter.cmake.in
  ${PROJECT_BINARY_DIR}/interpreter/CMakeLists.txt @ONLY)
