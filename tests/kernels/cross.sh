#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What one kernel's recording says of another: victim_cross recorded on the running kernel and on Debian's 6.1 and 6.12
# (run.sh), each trace replayed under the rules of the others, and compared with what the program saw there.
#   tests/kernels/cross.sh [BUILD]     default build/dev
# Exit status: 0 all agree, 1 not, 77 where run.sh can't boot a kernel.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${1:-$root/build/dev}" && pwd)
victim=$build/tests/victims/victim_cross
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

record='vmascope record --stacks=off -o "$OUT/cross.vmt" -- "$VICTIM" >"$OUT/cross.maps"'
mkdir -p "$work/here"
OUT=$work/here VICTIM=$victim PATH=$build/bin:$PATH sh -c "$record"
status=0
"$root/tests/kernels/run.sh" --build "$build" --jobs none --file "$victim" --out "$work" -- \
	"OUT=/out VICTIM=$victim; $record" >"$work/log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
	cat "$work/log"
	exit "$status"
fi

# A 6.18 with the backports of 6.19 has the rules of that.
here=$(uname -r | cut -d. -f1-2)
if [ "$here" = 6.18 ] && "$build/bin/vmascope" kernel | grep -q '^\* yes *sticky-guard'; then
	here=6.19
fi

bad=0
for from in here 6.1 6.12; do
	for to in here 6.1 6.12; do
		release=${to/here/$here}
		"$build/bin/vmascope" replay "$work/$from/cross.vmt" --kernel="$release" --maps |
			sed -n "/^rules $release/,\$p" | grep '^3000000' | sed 's/ sd\b//' >"$work/said" || true
		if diff -u "$work/$to/cross.maps" "$work/said" >"$work/diff"; then
			echo "ok    recorded on ${from/here/$here}, replayed as $release: $(wc -l <"$work/said") VMAs"
		else
			echo "FAIL  recorded on ${from/here/$here}, replayed as $release"
			cat "$work/diff"
			bad=1
		fi
	done
done
exit "$bad"
