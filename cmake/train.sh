#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds a preset (release, if none is named) with the recorder laid out by what programs have it do most: gcc's profile-guided
# optimisation. Where that can't be had, as ever. What the build folder has learned stays until it is removed.
#   cmake/train.sh [PRESET]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1-release}
built=build/$preset
library=$built/lib/vmascope/libvmascope.so

build()
{
	cmake --preset "$preset" -DVMSC_PROFILE="$1"
	cmake --build --preset "$preset" "${@:2}"
}

learn()
{
	local call folder

	folder=$(mktemp -d)
	find "$built/preload" -name '*.gcda' -delete
	cc -O1 -D_GNU_SOURCE -pthread -o "$built/train" tests/bench/calls.c
	for call in pair protect brk touch malloc; do
		env LD_PRELOAD="$PWD/$library" VMASCOPE_TRACE="$folder/t.vmt" VMASCOPE_OUT="$folder/r.json" \
			"$built/train" "$call" --count=20000 --depth=20 >/dev/null
	done
	rm -r "$folder"
	[ -n "$(find "$built/preload" -name 'memo.c.gcda')" ]
}

if build make --target vmsc_preload vmsc_analyzer && learn; then
	build use
else
	echo "train.sh: $preset is built without a profile" >&2
	build ''
fi
