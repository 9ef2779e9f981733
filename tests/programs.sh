#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Real programs under vmascope (release build), as a table; fails when one is not predicted without a mistake.
#   tests/programs.sh [--rounds=N] [--check=exit|call] [NAME…]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cmake/train.sh release >&2
exec python3 tests/programs/programs.py "$PWD/build/release/bin/vmascope" "$PWD/build/release/tests/programs" "$@"
