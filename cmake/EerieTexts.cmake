# Files of the source tree that a program carries: bytes as C.

# eerie_embed_files(output header prefix file...) writes a C source with the table
# `<prefix>s` of the files, whose type `header` has. It is written again when one of them changes.
function(eerie_embed_files output header prefix)
  set(rows "")
  set(arrays "")
  set(number 0)
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${file})
    file(READ ${PROJECT_SOURCE_DIR}/${file} bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\n  " bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    get_filename_component(name ${file} NAME)
    string(APPEND arrays "static const unsigned char file${number}[] = {\n  ${bytes}\n};\n")
    string(APPEND rows "  {\"${name}\", file${number}, sizeof file${number}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  string(CONCAT text "// Written by CMake from ${ARGN}.\n#include \"${header}\"\n\n${arrays}\n"
    "const ${prefix}_t ${prefix}s[] = {\n${rows}};\n"
    "const size_t ${prefix}_count = ${number};\n")
  file(CONFIGURE OUTPUT ${output} CONTENT "${text}" @ONLY)
endfunction()
