# SPDX-License-Identifier: MIT
# Debian packages: `cmake/train.sh package && cpack --preset package` leaves them in build/package/.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "vmascope")
set(CPACK_PACKAGE_CONTACT "The vmascope authors <vmascope@users.noreply.github.com>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME vmascope)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS libunwind8) # loaded by name at run time, so nothing links it
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
    "vmascope records every system call by which a program builds its address
space, replays those calls in a model of the Linux kernel's VMA layer, and
compares what the rules predict with what /proc/self/maps shows. It runs by
LD_PRELOAD and needs neither root nor a special kernel.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libvmascope-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "vmascope (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
    "Headers, static libraries, CMake targets and pkg-config files: the pure C
model of the kernel's VMA layer, the reader of vmascope's traces and their
replay, and <vmascope/vmascope.h>, by which a program speaks to the recorder.")
include(CPack)
