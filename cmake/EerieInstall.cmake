# What `cmake --install` puts where: headers, libraries, command, pkg-config files, CMake package.
# Projects that take Eerie in with add_subdirectory have the same names, and eerie_add_model too.
include(CMakePackageConfigHelpers)

install(FILES ${EERIE_PUBLIC_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/eerie)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/licenses/eerie)

# The names that a program links: eerie::eerie, eerie::eerie_static, eerie::compiler,
# eerie::compiler_static.
set(installed eerie eerie_static)
set(packages eerie)
if(TARGET eerie_compiler)
  set_target_properties(eerie_compiler PROPERTIES EXPORT_NAME compiler)
  set_target_properties(eerie_compiler_static PROPERTIES EXPORT_NAME compiler_static)
  list(APPEND installed eerie_compiler eerie_compiler_static)
  list(APPEND packages eerie_compiler)
endif()
install(TARGETS ${installed} EXPORT eerieTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET eerie_cli)
  set_target_properties(eerie_cli PROPERTIES EXPORT_NAME command)
  install(TARGETS eerie_cli EXPORT eerieTargets RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

add_library(eerie::eerie ALIAS eerie)
add_library(eerie::eerie_static ALIAS eerie_static)
if(TARGET eerie_cli)
  add_executable(eerie::command ALIAS eerie_cli)
endif()
include(cmake/EerieModel.cmake)

set(EERIE_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/eerie)
install(EXPORT eerieTargets NAMESPACE eerie:: DESTINATION ${EERIE_CMAKE_DIR})
configure_package_config_file(cmake/eerieConfig.cmake.in ${PROJECT_BINARY_DIR}/eerieConfig.cmake
  INSTALL_DESTINATION ${EERIE_CMAKE_DIR})
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/eerieConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/eerieConfig.cmake ${PROJECT_BINARY_DIR}/eerieConfigVersion.cmake
  cmake/EerieModel.cmake
  DESTINATION ${EERIE_CMAKE_DIR})

foreach(package ${packages})
  configure_file(cmake/${package}.pc.in ${PROJECT_BINARY_DIR}/${package}.pc.partial @ONLY)
  # The prefix is known only when installing: `cmake --install --prefix` may change it.
  install(CODE "
    file(READ \"${PROJECT_BINARY_DIR}/${package}.pc.partial\" text)
    string(REPLACE \"%PREFIX%\" \"\${CMAKE_INSTALL_PREFIX}\" text \"\${text}\")
    file(WRITE \"${PROJECT_BINARY_DIR}/${package}.pc\" \"\${text}\")")
  install(FILES ${PROJECT_BINARY_DIR}/${package}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
