#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every system call of the recorder's own fails in turn, with several errors; then kills at random instants, processes by
# the thousand, full disks: an hour. What ctest runs is a part of it.
#   tests/faults/run.sh [--from=N] [--every=N] [--errno=NAME,…] [--check=exit|call]
#   tests/faults/run.sh losses        the second half alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cmake/train.sh release >&2
built=build/release
programs=("$built/bin/vmascope" "$built/lib/vmascope/libvmascope.so")

faults()
{
	local check errors

	for check in exit call; do
		for errors in ENOMEM,EIO EINTR,EPERM ENOSPC,EAGAIN KILL; do
			echo "--check=$check --errno=$errors"
			python3 tests/faults/faults.py "$built/tests/faults/inject" "$built/tests/faults/victim" "${programs[@]}" \
				"--check=$check" "--errno=$errors" "$@"
		done
	done
}

losses()
{
	echo "$*"
	python3 tests/faults/losses.py "$1" "$built/tests/faults/spinner" "${programs[@]}" "${@:2}"
}

[ "${1-}" = losses ] || faults "$@"
losses kill 400
losses children 10000
losses bomb 10000
losses exec 200
for case in disk sparse limit most gone replaced shortened; do
	losses "$case"
done
