# A model as a source file of a program:
#
#   find_package(eerie REQUIRED)
#   add_executable(app main.c)
#   eerie_add_model(app digits.onnx EMBED)
#
# compiles the model when it or the compiler's flags change, and gives main.c the header "digits.h",
# with a typed function for each of the model's (see `eerie bind --help`).
#
#   eerie_add_model(TARGET SOURCE
#     [NAME name]               # of the header and of what is in it; default: the file's
#     [EMBED]                   # the module's bytes into the program, instead of a file beside it
#     [TARGETS target...]       # of `eerie compile --target`; default: its own
#     [COMPILE_FLAGS flag...]   # further arguments of `eerie compile`
#     [DEPENDS file...])        # what else the model is made of: weights beside an ONNX file
#
# SOURCE is anything that `eerie compile` takes, or a module that is compiled already (.vmfb). Without
# EMBED the property EERIE_<name>_MODULE of TARGET is the path of the module, which the program opens.
# EERIE_COMPILER_LIB, when set, tells where the compiler is.

function(eerie_add_model target source)
  cmake_parse_arguments(PARSE_ARGV 2 arg "EMBED" "NAME" "TARGETS;COMPILE_FLAGS;DEPENDS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "eerie_add_model: unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT TARGET ${target})
    message(FATAL_ERROR "eerie_add_model: ${target} is no target")
  endif()
  get_filename_component(path ${source} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT arg_NAME)
    get_filename_component(arg_NAME ${path} NAME_WE)
    string(MAKE_C_IDENTIFIER ${arg_NAME} arg_NAME)
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/eerie/${target})
  file(MAKE_DIRECTORY ${folder})
  set(command $<TARGET_FILE:eerie::command>)

  set(module ${path})
  if(NOT path MATCHES "\\.vmfb$")
    set(module ${folder}/${arg_NAME}.vmfb)
    set(flags)
    foreach(name ${arg_TARGETS})
      list(APPEND flags --target ${name})
    endforeach()
    set(environment)
    if(EERIE_COMPILER_LIB)
      set(environment ${CMAKE_COMMAND} -E env EERIE_COMPILER_LIB=${EERIE_COMPILER_LIB})
    endif()
    add_custom_command(OUTPUT ${module}
      COMMAND ${environment} ${command} compile ${path} -o ${module} ${flags} ${arg_COMPILE_FLAGS}
      DEPENDS ${path} ${arg_DEPENDS} eerie::command
      COMMENT "Compiling the model ${arg_NAME}" VERBATIM)
  endif()

  set(embed)
  if(arg_EMBED)
    set(embed --embed)
  endif()
  set(header ${folder}/${arg_NAME}.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${command} bind ${module} -o ${header} --prefix ${arg_NAME} ${embed}
    DEPENDS ${module} eerie::command
    COMMENT "Writing ${arg_NAME}.h" VERBATIM)
  target_sources(${target} PRIVATE ${header})
  if(arg_EMBED)
    # The bytes are compiled once, whoever includes the header.
    string(TOUPPER ${arg_NAME} upper)
    file(CONFIGURE OUTPUT ${folder}/${arg_NAME}.c
      CONTENT "#define @upper@_IMPLEMENTATION\n#include \"@arg_NAME@.h\"\n" @ONLY)
    target_sources(${target} PRIVATE ${folder}/${arg_NAME}.c)
    set_source_files_properties(${folder}/${arg_NAME}.c PROPERTIES OBJECT_DEPENDS ${header})
    if(NOT CMAKE_C_COMPILER_LOADED)
      enable_language(C)
    endif()
  endif()
  target_include_directories(${target} PRIVATE ${folder})
  target_link_libraries(${target} PRIVATE eerie::eerie)
  set_property(TARGET ${target} PROPERTY EERIE_${arg_NAME}_MODULE ${module})
endfunction()
