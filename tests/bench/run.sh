#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What vmascope costs: builds the release preset and prints docs/performance.md's tables.
#   tests/bench/run.sh [--quick] [--rounds=N] [SECTION…]
# Peers that are not installed are left out; all of them: apt-get install strace linux-perf bpftrace ltrace uftrace rr valgrind zstd
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cmake/train.sh release >&2
exec python3 tests/bench/run.py build/release "$@"
