# SPDX-License-Identifier: MIT
# What is installed beside the command and the library: headers, CMake targets, pkg-config files, man pages, the licence.
# Two components: runtime, and development for programs that use the model or speak to the recorder.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/vmascope COMPONENT development DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")

# vmascope::api has nothing to link: <vmascope/vmascope.h> is inline functions and weak symbols.
add_library(vmsc_api INTERFACE)
add_library(vmascope::api ALIAS vmsc_api)
set_target_properties(vmsc_api PROPERTIES EXPORT_NAME api)
target_include_directories(vmsc_api INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                              $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS vmsc_api EXPORT vmascope COMPONENT development)

set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/vmascope")
install(EXPORT vmascope COMPONENT development NAMESPACE vmascope:: FILE vmascope-targets.cmake DESTINATION "${config_dir}")
configure_package_config_file(cmake/vmascope-config.cmake.in "${PROJECT_BINARY_DIR}/vmascope-config.cmake"
                              INSTALL_DESTINATION "${config_dir}" PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/vmascope-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/vmascope-config.cmake" "${PROJECT_BINARY_DIR}/vmascope-config-version.cmake"
        COMPONENT development DESTINATION "${config_dir}")

# The prefix is found from where the .pc file lies, so an installed tree can be moved.
file(RELATIVE_PATH prefix_from_pc "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
foreach(pc vmascope vmascope-model)
  configure_file(cmake/${pc}.pc.in ${pc}.pc @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${pc}.pc" COMPONENT development
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()

file(GLOB man_pages CONFIGURE_DEPENDS docs/man/*.1)
if(man_pages)
  install(FILES ${man_pages} COMPONENT runtime DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
endif()
install(FILES LICENSE COMPONENT runtime DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME copyright)
install(FILES README.md CHANGELOG.md docs/report.schema.json docs/calls.schema.json docs/why.schema.json
  docs/replay.schema.json docs/ways.schema.json docs/diff.schema.json docs/kernel.schema.json docs/summary.schema.json COMPONENT runtime
        DESTINATION "${CMAKE_INSTALL_DOCDIR}")
