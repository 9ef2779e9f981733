#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each golden trace is exported as the JSON Lines beside it, and those are read back and exported as themselves:
# check-golden.sh VMASCOPE FOLDER. After a wanted change: vmascope export X.vmt --format=jsonl -o X.jsonl
set -euo pipefail
vmascope=$1
cd "$2"
bad=0 nr=0

for trace in *.vmt; do
	lines=${trace%.vmt}.jsonl
	for from in "$trace" "$lines"; do
		nr=$((nr + 1))
		if ! diff <("$vmascope" export "$from" --format=jsonl || echo "exit status $?") "$lines" >&2; then
			echo "$from is not exported as $lines says" >&2
			bad=1
		fi
	done
done
[ "$nr" -ge 4 ] || bad=1
exit "$bad"
