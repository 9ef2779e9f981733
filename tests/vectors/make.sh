#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The corpus from the drawings of tests/model, and what is written by hand or found:
#   make.sh BIN            writes it anew, with the programs of BIN (build/dev/bin)
#   make.sh --check BIN    is each case still what would be written? Exit status 1 where not; new rows may be missing
#   make.sh --conform BIN  does the running kernel do as it says?
set -euo pipefail
bin=$(cd "${!#}" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
tables="merge split protect mremap mmap unmap brk stack attributes"
written="found calls selftests" # cases that no drawing tells

# made TABLE: its lines
made()
{
	if [[ " $written " = *" $1 "* ]]; then
		"$bin/make_cases" <"$1.jsonl"
	else
		"$bin/test_$1" vectors
	fi
}

case $1 in
--check)
	bad=0 made=$(mktemp)
	trap 'rm -f "$made"' EXIT
	for table in $tables $written; do
		made "$table" | LC_ALL=C sort >"$made"
		if [ -n "$(LC_ALL=C sort "$table.jsonl" | LC_ALL=C comm -23 - "$made")" ]; then
			echo "$table.jsonl has cases that are not what the model says now; make.sh $bin writes it anew"
			bad=1
		fi
	done
	exit "$bad"
	;;
--conform)
	for table in $tables $written; do echo "$table.jsonl"; done | xargs "$bin/vmascope" conform
	;;
*)
	for table in $tables $written; do
		made "$table" >"$table.new"
		mv "$table.new" "$table.jsonl"
	done
	;;
esac
