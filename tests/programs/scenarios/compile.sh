#!/bin/sh
# SPDX-License-Identifier: MIT
# A C project of some hundred files, configured and built by two jobs: this one.
set -e
root=$(cd "$(dirname "$0")/../../.." && pwd)
cmake -S "$root" -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DVMSC_BUILD_TESTS=OFF >configure.log
cmake --build build -j 2 >build.log
