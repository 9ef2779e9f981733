#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every system call of the recorder's own fails in turn, with several errors: some minutes.
#   tests/faults/run.sh [--from=N] [--every=N] [--errno=NAME,…] [--check=exit|call]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cmake --preset release >&2
cmake --build --preset release >&2
for check in exit call; do
	for errors in ENOMEM,EIO EINTR,EPERM ENOSPC,EAGAIN KILL; do
		echo "--check=$check --errno=$errors"
		python3 tests/faults/faults.py build/release/tests/faults/inject build/release/tests/faults/victim \
			build/release/bin/vmascope build/release/lib/vmascope/libvmascope.so "--check=$check" "--errno=$errors" "$@"
	done
done
