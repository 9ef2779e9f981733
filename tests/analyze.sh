#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Analyzers over the sources and the tests, each clean or with a reason: .clang-tidy, tests/lint/cppcheck.txt, here.
#   tests/analyze.sh [tidy|cppcheck|fanalyzer|valgrind|tsan]…      default: all
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build()
{
	[ -e "build/$1/build.ninja" ] || cmake --preset "$1" >/dev/null
	cmake --build --preset "$1" >/dev/null
}

# One file a time: given several, clang 14 forgets va_start() after the first.
analyze_tidy()
{
	[ -e build/clang/compile_commands.json ] || cmake --preset clang >/dev/null # gcc has options that clang lacks
	git ls-files 'preload/*.c' 'analyzer/*.c' | xargs -P "$(nproc)" -n 1 clang-tidy -p build/clang --quiet 2>/dev/null
}

analyze_cppcheck()
{
	cppcheck --enable=warning,performance,portability --inline-suppr --std=c11 --quiet --error-exitcode=1 \
		--suppressions-list=tests/lint/cppcheck.txt -Iinclude -Ipreload -Ianalyzer \
		-D__x86_64__ -D_GNU_SOURCE -DVMSC_VERSION='""' preload analyzer
}

# The model, the reader and the replay: what reads hostile input. -Wanalyzer-null-dereference: a snapshot without VMAs
# begins and ends at NULL, and find_seen() of replay/compare.c does not look into it then.
analyze_fanalyzer()
{
	local source

	for source in preload/model/*.c preload/trace/*.c preload/replay/*.c; do
		gcc -std=gnu11 -fanalyzer -Werror -O1 -Wall -Wextra -Iinclude -D_GNU_SOURCE -DVMSC_VERSION='""' \
			-c "$source" -o /dev/null $([ "$source" != preload/replay/compare.c ] || echo -Wno-analyzer-null-dereference)
	done
}

# Every command that reads a trace, on one of a small program.
read_recorded()
{
	local trace=$1/recorded.vmt command=$1/vmascope address format

	build/dev/bin/vmascope record -o "$trace" -- ls -l / >/dev/null
	address=$(build/dev/bin/vmascope export --format=csv --of=vmas "$trace" | sed -n '3s/,.*//p')
	{
		"$command" check "$trace"
		"$command" check --json "$trace"
		"$command" report "$trace"
		"$command" report --json "$trace" "$trace"
		"$command" report --html="$1/page.html" "$trace"
		"$command" report --summary "$trace" >"$1/summary"
		"$command" merge "$1/summary" "$1/summary"
		"$command" merge --text "$1/summary"
		"$command" why "$trace" "$address"
		"$command" why --json "$trace" "$address"
		"$command" replay "$trace"
		"$command" replay --without=guards,names --json "$trace"
		"$command" replay --unmap=both --merge=cases "$trace"
		"$command" diff "$trace" "$trace"
		for format in jsonl chrome folded csv; do
			"$command" export --format="$format" "$trace"
		done
		"$command" export --format=sqlite -o "$1/calls.db" "$trace"
	} >/dev/null
}

# The analyzer's tests with each run of the command under valgrind, and the model's. Nothing is recorded under valgrind, which
# makes the system calls itself.
analyze_valgrind()
{
	local logs test

	build dev
	logs=$(mktemp -d)
	cat >"$logs/vmascope" <<-END
		#!/bin/sh
		exec valgrind -q --leak-check=full --show-leak-kinds=definite --log-file=$logs/%p.log $PWD/build/dev/bin/vmascope "\$@"
	END
	chmod +x "$logs/vmascope"
	read_recorded "$logs"
	for test in input lines check; do
		VMASCOPE=$logs/vmascope MAKE_TRACE=$PWD/build/dev/bin/vmsc_make_trace PYTHONDONTWRITEBYTECODE=1 \
			python3 "tests/analyzer/test_$test.py" 2>&1 | tail -3
	done
	for test in merge split protect mremap mmap unmap brk stack attributes; do
		valgrind -q --leak-check=full --log-file="$logs/$test.log" "build/dev/bin/test_$test" oom >/dev/null
	done
	echo "$(find "$logs" -name '*.log' | wc -l) runs under valgrind"
	! grep -h . "$logs"/*.log || return 1
	rm -r "$logs"
}

# TSan: the recorder, built with it and injected into a program with many threads (tests/races), and what it shares with the
# analyzer. Not tests/scale: it looks at its memory, and TSan remembers.
analyze_tsan()
{
	build tsan
	ctest --preset tsan -L 'races|model|trace|oom' -LE scale -j2
}

[ "$#" -gt 0 ] || set -- tidy cppcheck fanalyzer valgrind tsan
for what; do
	echo "== $what"
	"analyze_$what"
done
echo "clean"
