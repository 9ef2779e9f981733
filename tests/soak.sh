#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# stress-ng's VM classes, the fuzzer, python and redis side by side, every call compared; an hour, or so many minutes. Nothing may
# differ, and the memory of the recorder, of the launcher and of the fuzzer may not grow while a process lives.
#   tests/soak.sh [MINUTES]           (stress-ng and redis-server where they are installed)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cmake/train.sh release >&2
mkdir -p build/soak
cd build/soak
exec python3 ../../tests/soak.py ../release/bin/vmascope "${1:-60}"
