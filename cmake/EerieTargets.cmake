# How a target of Eerie is compiled and linked; used by the libraries, the command and the tests.

set(EERIE_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes)
if(EERIE_WERROR)
  list(APPEND EERIE_WARNINGS -Werror)
endif()

# Warnings, sanitizers and dead-code removal for one target.
function(eerie_compile_options target)
  # No fused multiply-add behind the program's back: scalar code in a module must give the same bits
  # on every machine. Sections let the linker drop what a program does not use.
  # Nothing unwinds through C, and the tables for it are a seventh of the library.
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:C>:${EERIE_WARNINGS}>
    -ffp-contract=off -ffunction-sections -fdata-sections
    $<$<CONFIG:Release,MinSizeRel>:-fno-asynchronous-unwind-tables -fno-unwind-tables>)
  # Files above 2 GB, and any number of them, where the C library has two kinds of offsets.
  target_compile_definitions(${target} PRIVATE _FILE_OFFSET_BITS=64)
  if(APPLE)
    # What is in no version of POSIX, beside those that files ask for; times of files by POSIX's name.
    target_compile_definitions(${target} PRIVATE _DARWIN_C_SOURCE st_mtim=st_mtimespec)
  endif()
  if(MINGW)
    # The formats of C99 instead of those of the system's own library; WaitOnAddress.
    target_compile_definitions(${target} PRIVATE __USE_MINGW_ANSI_STDIO=1 _WIN32_WINNT=0x0602)
  endif()
  if(EERIE_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${EERIE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${EERIE_SANITIZE})
  endif()
  if(APPLE)
    target_link_options(${target} PRIVATE LINKER:-dead_strip)
  else()
    target_link_options(${target} PRIVATE LINKER:--gc-sections)
  endif()
endfunction()

# Relocations of position-independent code as a bitmap, a twelfth of the library less. The linker may
# know them where the C library (glibc before 2.36) does not, so try one.
if(NOT CMAKE_CROSSCOMPILING AND NOT EERIE_SANITIZE AND NOT APPLE AND NOT WIN32)
  include(CheckCSourceRuns)
  set(CMAKE_REQUIRED_LINK_OPTIONS LINKER:-z,pack-relative-relocs)
  check_c_source_runs("int x; int *p = &x; int main(void) { return p != &x; }"
    EERIE_RELOCATIONS_CAN_BE_PACKED)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
endif()
include(CheckLinkerFlag)
check_linker_flag(C LINKER:-Bsymbolic-functions EERIE_LINKER_BINDS_FUNCTIONS)
check_linker_flag(C LINKER:-z,noseparate-code EERIE_LINKER_JOINS_SEGMENTS)
function(eerie_pack_relocations target)
  if(EERIE_RELOCATIONS_CAN_BE_PACKED)
    target_link_options(${target} PRIVATE LINKER:-z,pack-relative-relocs)
  endif()
endfunction()

# eerie_add_library(name SOURCES ... [DEPENDS_ON library] [PRIVATE_INCLUDES ...] [SYSTEM_LIBS ...])
# makes `name` (shared) and `name_static` of the same objects, compiled once.
function(eerie_add_library name)
  cmake_parse_arguments(arg "" "DEPENDS_ON" "SOURCES;PRIVATE_INCLUDES;SYSTEM_LIBS" ${ARGN})
  add_library(${name}_objects OBJECT ${arg_SOURCES})
  target_include_directories(${name}_objects
    PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${arg_PRIVATE_INCLUDES})
  eerie_compile_options(${name}_objects)
  target_compile_definitions(${name}_objects PRIVATE EERIE_BUILDING)
  add_library(${name} SHARED $<TARGET_OBJECTS:${name}_objects>)
  add_library(${name}_static STATIC $<TARGET_OBJECTS:${name}_objects>)
  set_target_properties(${name} PROPERTIES
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  set_target_properties(${name}_static PROPERTIES OUTPUT_NAME ${name})
  if(WIN32) # eerie.dll, and libeerie.dll.a to link it by
    set_target_properties(${name} PROPERTIES PREFIX "" IMPORT_PREFIX lib)
  endif()
  eerie_compile_options(${name})
  eerie_pack_relocations(${name})
  if(NOT APPLE AND NOT WIN32 AND NOT EERIE_SANITIZE)
    # Calls inside the library stay inside: nobody replaces one of its functions by a name.
    target_link_options(${name} PRIVATE
      LINKER:--no-undefined LINKER:--as-needed
      $<$<BOOL:${EERIE_LINKER_BINDS_FUNCTIONS}>:LINKER:-Bsymbolic-functions>)
    # One segment for code and constants, and no page of padding between them.
    if(EERIE_LINKER_JOINS_SEGMENTS)
      target_link_options(${name} PRIVATE $<$<CONFIG:Release,MinSizeRel>:LINKER:-z,noseparate-code>)
    endif()
  endif()
  foreach(target ${name} ${name}_static)
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  endforeach()
  target_link_libraries(${name} PRIVATE ${arg_SYSTEM_LIBS})
  target_link_libraries(${name}_static PUBLIC ${arg_SYSTEM_LIBS})
  if(arg_DEPENDS_ON)
    target_link_libraries(${name} PUBLIC ${arg_DEPENDS_ON})
    target_link_libraries(${name}_static PUBLIC ${arg_DEPENDS_ON}_static)
  endif()
endfunction()
