# What `cmake --install` puts where: headers, libraries, command, pkg-config file, CMake package.
