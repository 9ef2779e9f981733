#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Which lines do the tests reach? Builds the preset coverage, runs the tests of what is not injected, prints a table by file,
# and fails when the model, the reader or the replay are below 95 % of their lines.
#   tests/coverage.sh [--lines FILE]      --lines: also the lines of FILE that no test reached
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cmake --preset coverage >/dev/null
cmake --build --preset coverage >/dev/null
find build/coverage -name '*.gcda' -delete
ctest --preset coverage -L 'model|oom|kernel|trace|fuzz|cli' -j"$(nproc)" >build/coverage/tests.log || tail -20 build/coverage/tests.log
exec python3 tests/coverage.py build/coverage "$@"
