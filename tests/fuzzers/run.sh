#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the fuzz targets with clang and runs each for SECONDS (60), or NUMBER times, one after the other:
#   tests/fuzzers/run.sh [SECONDS|--runs=NUMBER] [TOPIC]…
# What they learn is kept in build/fuzz/corpora; an input that ends a target lies in build/fuzz/found and belongs, with the
# fix, into tests/fuzzers/corpora. `run.sh --small` then takes what is new there, as few files as reach as much, into the
# latter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

small=0 limit=-max_total_time=60
if [ "${1-}" = --small ]; then
	small=1
	shift
elif [[ ${1-} =~ ^[0-9]+$ ]]; then
	limit=-max_total_time=$1
	shift
elif [[ ${1-} =~ ^--runs=[0-9]+$ ]]; then
	limit=-runs=${1#*=}
	shift
fi

# As long as the seeds mostly are: what a longer input does, a shorter one mostly does in a fraction of the time.
longest()
{
	case $1 in
	model) echo 160 ;;
	report | export) echo 256 ;;
	script | smaps) echo 600 ;;
	trace) echo 800 ;;
	lines) echo 1024 ;;
	summary) echo 1500 ;;
	*) echo 4300 ;;
	esac
}
topics=("$@")
[ "${#topics[@]}" -gt 0 ] || topics=(trace report export lines script summary kept smaps elf model)

command -v clang >/dev/null || {
	echo "run.sh: no clang here: apt-get install clang" >&2
	exit 77
}
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
export UBSAN_OPTIONS=print_stacktrace=1
# Memory that comes back soon costs no page faults; allocations are many, and are not to be filled byte by byte.
export ASAN_OPTIONS=quarantine_size_mb=4:malloc_context_size=1:allocator_release_to_os_interval_ms=-1:max_malloc_fill_size=32
bad=0

for topic in "${topics[@]}"; do
	learned=build/fuzz/corpora/$topic checked_in=tests/fuzzers/corpora/$topic found=build/fuzz/found/$topic-
	mkdir -p "$learned" "$checked_in" build/fuzz/found
	# Which input is mutated next is drawn from all: to weigh them takes longer than most runs.
	options=(-timeout=10 -rss_limit_mb=2048 -max_len="$(longest "$topic")" -entropic=0 -reduce_inputs=0 -verbosity=0
		-print_final_stats=1)
	[ -f "tests/fuzzers/$topic.dict" ] && options+=(-dict="tests/fuzzers/$topic.dict")
	if [ "$small" -eq 1 ]; then
		"build/fuzz/bin/fuzz_$topic" -merge=1 -use_counters=0 -max_len=2000 "$checked_in" "$learned" 2>&1 | tail -n 1
		continue
	fi
	echo "== $topic, ${limit#-}"
	"build/fuzz/bin/fuzz_$topic" "${options[@]}" "$limit" -artifact_prefix="$found" "$learned" "$checked_in" 2>&1 |
		grep -v -e '# Uses: ' -e 'ecommended dictionary' -e NEW_FUNC -e ^INFO: || bad=1
done
exit "$bad"
